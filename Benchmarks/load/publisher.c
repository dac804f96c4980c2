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

enum { most_ends = 8 };

static enum { to_reports, to_records, to_redis, to_nats, to_http } kind;
static struct watched ends[most_ends];
static int end_count;
static struct job *jobs;
static char path[256];
static const struct options *options;
static char padding[4096];

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(2);
}

// Answers are of no use to us: a message counts when it has arrived.
static void discard(struct watched *w) {
  char answer[65536];
  ssize_t got = recv(w->descriptor, answer, sizeof answer, MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) fail("the publishing connection ended");
  if (got <= 0) return;
  if (answer[0] == '-' || (kind == to_http && !memmem(answer, (size_t)got, " 20", 3))) {
    fprintf(stderr, "load: refused: %.*s\n", (int)got, answer);
    exit(2);
  }
  if (kind == to_nats && memmem(answer, (size_t)got, "PING\r\n", 6) && write(w->descriptor, "PONG\r\n", 6) != 6)
    fail("PONG");
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
static int piped(const char *folder, int number) {
  char name[512];
  snprintf(name, sizeof name, "%s/pipe.%d", folder, number);
  if (mkfifo(name, 0600) && errno != EEXIST) fail(name);
  int descriptor = open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) fail(name);
  return descriptor;
}

void publisher_open(const struct options *o, struct job *of) {
  static const char *const names[] = {"reports:", "records:", "redis:", "nats:", "http:"};
  int found = -1;
  for (int i = 0; i < 5; i++)
    if (!strncmp(o->publish, names[i], strlen(names[i]))) found = i;
  if (found < 0) { errno = EINVAL; fail(o->publish); }
  kind = found;
  options = o;
  jobs = of;
  memset(padding, 'x', sizeof padding - 1);
  const char *rest = strchr(o->publish, ':') + 1, *slash = strchr(rest, '/');
  snprintf(path, sizeof path, "%s", slash ? slash : "/");
  end_count = kind == to_reports ? o->jobs : kind == to_http ? most_ends : 1;
  if (end_count > most_ends) { errno = E2BIG; fail("jobs that report"); }
  for (int i = 0; i < end_count; i++) {
    ends[i].readable = discard;
    ends[i].descriptor = kind == to_reports ? piped(rest, i) : connected(atoi(rest));
    if (kind != to_reports) watch_readable(&ends[i]);
  }
  static const char hello[] = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";
  if (kind == to_nats && write(ends[0].descriptor, hello, sizeof hello - 1) != sizeof hello - 1) fail("CONNECT");
}

static size_t redis_publish(char *into, const char *prefix, const char *channel, const char *message, size_t length) {
  int head = sprintf(
    into, "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s%s\r\n$%zu\r\n", strlen(prefix) + strlen(channel), prefix, channel, length);
  memcpy(into + head, message, length);
  memcpy(into + head + length, "\r\n", 2);
  return (size_t)head + length + 2;
}

void publisher_send(int stream, uint32_t number) {
  static char message[8192], packed[8192], whole[16384];
  int length = snprintf(message, 128, "{\"ts\":%llu,\"of\":%d,\"n\":%u", (unsigned long long)now(), stream, number);
  int fill = (int)options->size - length - 10;
  if (fill > 0) length += sprintf(message + length, ",\"pad\":\"%.*s\"", fill > 4000 ? 4000 : fill, padding);
  message[length++] = '}';
  message[length] = 0;
  int end = 0;
  size_t size = 0;
  switch (kind) {
    case to_reports:
      // Another stage each time is news to a worker's reporter: it sends at once what the broker takes.
      size = (size_t)sprintf(
        whole, "{\"percent\":%d,\"stage\":\"pass %u\",\"details\":%s}\n", 50, number % 2, message);
      end = stream;
      break;
    case to_records: {
      struct job *job = &jobs[stream];
      size_t bytes = record_pack(job, path + 1, message, (size_t)length, packed);
      size = redis_publish(whole, "fanfare:{p0}v:", job->key, packed, bytes);
      break;
    }
    case to_redis: size = redis_publish(whole, "", path + 1, message, (size_t)length); break;
    case to_nats: size = (size_t)sprintf(whole, "PUB jobs %d\r\n%s\r\n", length, message); break;
    case to_http:
      if (options->body) {
        length = snprintf(packed, sizeof packed, options->body, message);
        memcpy(message, packed, (size_t)length + 1);
      }
      size = (size_t)sprintf(
        whole, "POST %s HTTP/1.1\r\nHost: localhost\r\n%s%sContent-Length: %d\r\n\r\n%s", path,
        options->header ? options->header : "", options->header ? "\r\n" : "", length, message);
      end = (int)number % end_count;
  }
  if (write(ends[end].descriptor, whole, size) != (ssize_t)size) fail("publish");
}

void publisher_close(void) {
  for (int i = 0; i < end_count; i++) close(ends[i].descriptor);
}
