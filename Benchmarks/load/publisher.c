#include "publisher.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "websocket.h"

static enum { to_jobs, to_redis, to_http } kind;
static struct watched ends[publisher_slots];
static char path[256];
static size_t least;

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(2);
}

// Answers are of no use to us: a message counts when it has arrived.
static void discard(struct watched *w) {
  char answer[65536];
  ssize_t got = recv(w->descriptor, answer, sizeof answer, MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) fail("the publishing connection ended");
  if (got > 0 && (answer[0] == '-' || (kind == to_http && !memmem(answer, (size_t)got, " 20", 3)))) {
    fprintf(stderr, "load: refused: %.*s\n", (int)got, answer);
    exit(2);
  }
}

static int connected(int port) {
  int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  struct sockaddr_in to = {
    .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (descriptor < 0 || connect(descriptor, (void *)&to, sizeof to)) fail("connect to publish");
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return descriptor;
}

// Opened for both directions, so that opening waits for nobody; the reader is the worker's program.
static int piped(const char *folder, int slot) {
  char name[512];
  snprintf(name, sizeof name, "%s/pipe.%d", folder, slot);
  if (mkfifo(name, 0600) && errno != EEXIST) fail(name);
  int descriptor = open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) fail(name);
  return descriptor;
}

void publisher_open(const char *where, size_t size) {
  const char *rest = strchr(where, ':');
  if (!rest) { errno = EINVAL; fail(where); }
  rest++;
  least = size;
  kind = where[0] == 'j' ? to_jobs : where[0] == 'r' ? to_redis : to_http;
  const char *slash = strchr(rest, '/');
  if (kind == to_http) snprintf(path, sizeof path, "%s", slash ? slash : "/");
  for (int i = 0; i < publisher_slots; i++) {
    ends[i].readable = discard;
    ends[i].descriptor = kind == to_jobs ? piped(rest, i) : connected(atoi(rest));
    if (kind != to_jobs) watch_readable(&ends[i]);
  }
}

void publisher_send(int slot) {
  static char padding[4096], message[8192], whole[12288];
  static unsigned long numbers[publisher_slots];
  if (!padding[0]) memset(padding, 'x', sizeof padding - 1);
  char ts[32];
  int length = snprintf(ts, sizeof ts, "%llu", (unsigned long long)now());
  int fill = (int)least - 28 - length;
  if (fill < 0) fill = 0;
  if (fill > 4000) fill = 4000;
  length = snprintf(message, sizeof message, "{\"ts\":%s,\"of\":%d,\"pad\":\"%.*s\"}", ts, slot, fill, padding);
  switch (kind) {
    case to_jobs:
      // Another stage each time is news to a worker's reporter: it sends at once what the broker takes.
      length = snprintf(
        whole, sizeof whole, "{\"percent\":%d,\"stage\":\"pass %lu\",\"details\":%s}\n", 50, ++numbers[slot] % 2, message);
      break;
    case to_redis:
      length = snprintf(
        whole, sizeof whole, "*3\r\n$7\r\nPUBLISH\r\n$4\r\njobs\r\n$%d\r\n%s\r\n", length, message);
      break;
    case to_http:
      length = snprintf(
        whole, sizeof whole, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", path, length,
        message);
  }
  if (write(ends[slot].descriptor, whole, (size_t)length) != length) fail("publish");
}

void publisher_close(void) {
  for (int i = 0; i < publisher_slots; i++) close(ends[i].descriptor);
}
