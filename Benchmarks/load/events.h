// The messages in what a watcher is sent.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct event {
  uint64_t sent;
  int stream;
  uint32_t number;
};

// Tells each; a server may put several into one frame.
void events_read(
  const char *text, size_t length, void (*tell)(void *whose, const struct event *event), void *whose);
// Whether a frame is, begins or ends with the protocol's ping, which is to be answered alike.
int holds_ping(const char *text, size_t length);
int occurrences(const char *text, size_t length, const char *of);
