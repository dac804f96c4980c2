// WebSocket clients, as many as wanted, on one epoll.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum client_phase { client_connecting, client_handshaking, client_open, client_gone };

struct client {
  int descriptor, index;
  enum client_phase phase;
  // For whoever drives: answers seen, whether it counts as ready, when it began.
  int answers;
  char is_ready;
  uint64_t began;
  // Why it ended: the code of a close frame, or the status of a refused handshake, or the error of the socket; else 0.
  int close_code, status, error;
  // The beginning of a frame whose end has not come.
  char *part;
  size_t part_length, part_room;
};

struct client_events {
  const char *path;
  const char *subprotocol; // or NULL
  int port; // on 127.0.0.1
  char is_quiet; // Ends are counted, not told.
  void (*opened)(struct client *);
  // A text message; `at` is when it was read.
  void (*message)(struct client *, const char *text, size_t length, uint64_t at);
  void (*gone)(struct client *);
};

// Descriptors of others, watched on the same epoll.
struct watched {
  void (*readable)(struct watched *);
  int descriptor;
};

void clients_prepare(const struct client_events *events, int most);
void client_start(struct client *c);
// Starts the first `count` of them, at most `at_once` on their way at a time. Returns when all are ready or gone, as
// whoever drives counts them, or at the latest then.
void clients_start(
  struct client *clients, int count, int at_once, const int *ready, const int *gone, uint64_t latest);
// Sends a masked text message. A socket that does not take it at once ends the connection: nothing
// that is sent here is large.
void client_send(struct client *c, const char *text, size_t length);
void client_end(struct client *c);
// Reads nothing until it is resumed: what is sent to it stays in the sockets.
void client_pause(struct client *c);
void client_resume(struct client *c);
// Reads at most so many bytes of a client that is paused.
void client_sip(struct client *c, size_t most);
void watch_readable(struct watched *w);
// Waits for at most so many milliseconds and tells what came.
void clients_turn(int milliseconds);
// The same, again and again, until it is that time; not once where it is.
void clients_turn_until(uint64_t time);
