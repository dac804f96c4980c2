#include "websocket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

enum { buffer_size = 4 << 20, read_size = 256 << 10 };

static const struct client_events *events;
static int poll_descriptor;
static char *buffer;

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(2);
}

void clients_prepare(const struct client_events *e, int most) {
  events = e;
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  // Its own files, publishers and pipes need some as well.
  enum { others = 64 };
  if (limit.rlim_max < (rlim_t)most + others) {
    fprintf(stderr, "load: at most %lu files may be open: too few for %d connections\n", limit.rlim_max, most);
    exit(2);
  }
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit)) fail("setrlimit");
  poll_descriptor = epoll_create1(EPOLL_CLOEXEC);
  buffer = malloc(buffer_size);
  if (poll_descriptor < 0 || !buffer) fail("epoll_create1");
}

static void poll_for(int operation, int descriptor, uint32_t what, void *whose) {
  // The lowest bit tells the two kinds apart.
  struct epoll_event event = {.events = what, .data.ptr = whose};
  if (epoll_ctl(poll_descriptor, operation, descriptor, &event)) fail("epoll_ctl");
}

void watch_readable(struct watched *w) {
  poll_for(EPOLL_CTL_ADD, w->descriptor, EPOLLIN, (char *)w + 1);
}

void client_start(struct client *c) {
  c->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->descriptor < 0) fail("socket");
  int one = 1;
  setsockopt(c->descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  setsockopt(c->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  // Ended by a reset: ten thousand sockets in TIME_WAIT would be in the way of the next run.
  struct linger reset = {1, 0};
  setsockopt(c->descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002u + (uint32_t)c->index % 8)};
  struct sockaddr_in to = {
    .sin_family = AF_INET, .sin_port = htons((uint16_t)events->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(c->descriptor, (void *)&from, sizeof from)) fail("bind");
  c->phase = client_connecting;
  c->began = now();
  c->close_code = c->status = c->error = 0;
  if (connect(c->descriptor, (void *)&to, sizeof to) && errno != EINPROGRESS) {
    c->error = errno;
    return client_end(c);
  }
  poll_for(EPOLL_CTL_ADD, c->descriptor, EPOLLOUT, c);
}

void clients_start(
  struct client *clients, int count, int at_once, const int *ready, const int *gone, uint64_t latest) {
  int started = 0;
  while (*ready + *gone < count && now() < latest) {
    while (started < count && started - *ready - *gone < at_once) {
      clients[started].index = started;
      client_start(&clients[started++]);
    }
    clients_turn(20);
  }
}

void client_end(struct client *c) {
  if (c->phase == client_gone) return;
  close(c->descriptor);
  free(c->part);
  c->part = NULL;
  c->part_length = c->part_room = 0;
  c->phase = client_gone;
  events->gone(c);
}

void client_pause(struct client *c) { poll_for(EPOLL_CTL_MOD, c->descriptor, 0, c); }

void client_resume(struct client *c) { poll_for(EPOLL_CTL_MOD, c->descriptor, EPOLLIN, c); }

static void frame_send(struct client *c, int opcode, const char *payload, size_t length) {
  char frame[16384];
  if (length > sizeof frame - 8) { errno = EMSGSIZE; fail("client_send"); }
  size_t at = 0;
  frame[at++] = (char)(0x80 | opcode);
  if (length < 126) frame[at++] = (char)(0x80 | length);
  else {
    frame[at++] = (char)(0x80 | 126);
    frame[at++] = (char)(length >> 8);
    frame[at++] = (char)length;
  }
  static const char mask[4] = {0x37, 0x7a, 0x21, 0x3d};
  memcpy(frame + at, mask, 4);
  at += 4;
  for (size_t i = 0; i < length; i++) frame[at + i] = payload[i] ^ mask[i & 3];
  if (send(c->descriptor, frame, at + length, MSG_NOSIGNAL) != (ssize_t)(at + length)) client_end(c);
}

void client_send(struct client *c, const char *text, size_t length) { frame_send(c, 1, text, length); }

static void request_send(struct client *c) {
  char request[1024];
  int length = snprintf(
    request, sizeof request,
    "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s%s\r\n",
    events->path, events->port, events->subprotocol ? "Sec-WebSocket-Protocol: " : "",
    events->subprotocol ? events->subprotocol : "", events->subprotocol ? "\r\n" : "");
  if (send(c->descriptor, request, (size_t)length, MSG_NOSIGNAL) != length) return client_end(c);
  c->phase = client_handshaking;
  poll_for(EPOLL_CTL_MOD, c->descriptor, EPOLLIN, c);
}

// Returns how much of the text was used: all of the head, or nothing.
static size_t handshake_read(struct client *c, const char *text, size_t length) {
  const char *end = memmem(text, length, "\r\n\r\n", 4);
  if (!end) return 0;
  if (length < 12 || memcmp(text + 9, "101", 3)) {
    c->status = length < 12 ? 0 : atoi(text + 9);
    // The first says why; the others would say the same.
    static int told;
    if (!events->is_quiet && !told++)
      fprintf(stderr, "load: handshake refused: %.*s\n", (int)(length > 300 ? 300 : length), text);
    client_end(c);
    return length;
  }
  c->phase = client_open;
  events->opened(c);
  return (size_t)(end - text) + 4;
}

// Tells one frame; returns its length, or 0 if it is not whole.
static size_t frame_read(struct client *c, char *text, size_t length, uint64_t at) {
  const unsigned char *head = (const unsigned char *)text;
  if (length < 2) return 0;
  size_t header = 2;
  uint64_t payload = head[1] & 127;
  if (payload == 126) {
    if (length < 4) return 0;
    payload = (uint64_t)head[2] << 8 | head[3];
    header = 4;
  } else if (payload == 127) {
    if (length < 10) return 0;
    payload = 0;
    for (int i = 2; i < 10; i++) payload = payload << 8 | head[i];
    header = 10;
  }
  if (head[0] & 0x70 || head[1] & 0x80 || payload > buffer_size / 2) {
    fprintf(stderr, "load: not a frame: %02x %02x\n", head[0], head[1]);
    client_end(c);
    return length;
  }
  if (length < header + payload) return 0;
  switch (head[0] & 15) {
    case 8:
      if (payload >= 2) c->close_code = (unsigned char)text[header] << 8 | (unsigned char)text[header + 1];
      if (!events->is_quiet)
        fprintf(stderr, "load: closed by the server: %.*s\n", payload > 2 ? (int)payload - 2 : 0, text + header + 2);
      client_end(c);
      break;
    case 9: frame_send(c, 10, text + header, payload); break;
    default: events->message(c, text + header, payload, at);
  }
  return header + payload;
}

static void read_some(struct client *c, size_t most) {
  size_t had = c->part_length;
  if (had) memcpy(buffer, c->part, had);
  ssize_t got = recv(c->descriptor, buffer + had, most, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    c->error = got < 0 ? errno : 0;
    return client_end(c);
  }
  uint64_t at = now();
  size_t length = had + (size_t)got, used = 0;
  if (c->phase == client_handshaking) used = handshake_read(c, buffer, length);
  while (c->phase == client_open && used < length) {
    size_t more = frame_read(c, buffer + used, length - used, at);
    if (!more) break;
    used += more;
  }
  if (c->phase == client_gone) return;
  c->part_length = length - used;
  if (c->part_length > c->part_room) {
    c->part_room = c->part_length * 2;
    c->part = realloc(c->part, c->part_room);
    if (!c->part) fail("realloc");
  }
  if (c->part_length) memcpy(c->part, buffer + used, c->part_length);
}

void client_sip(struct client *c, size_t most) {
  if (c->phase == client_open && most) read_some(c, most);
}

void clients_turn(int milliseconds) {
  static struct epoll_event ready[2048];
  int count = epoll_wait(poll_descriptor, ready, 2048, milliseconds);
  for (int i = 0; i < count; i++) {
    if ((uintptr_t)ready[i].data.ptr & 1) {
      struct watched *w = (struct watched *)((char *)ready[i].data.ptr - 1);
      w->readable(w);
      continue;
    }
    struct client *c = ready[i].data.ptr;
    switch (c->phase) {
      case client_gone: break;
      case client_connecting:
        if (ready[i].events & (EPOLLERR | EPOLLHUP)) {
          socklen_t size = sizeof c->error;
          getsockopt(c->descriptor, SOL_SOCKET, SO_ERROR, &c->error, &size);
          client_end(c);
        } else request_send(c);
        break;
      default: read_some(c, read_size);
    }
  }
}

void clients_turn_until(uint64_t time) {
  for (uint64_t at; (at = now()) < time;) clients_turn((int)((time - at) / 1000000));
}
