#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "histogram.h"
#include "load.h"

// One caller: it asks, reads the whole answer, and asks again when its time has come.
struct caller {
  int socket, awaits;
  uint64_t asked;
  char *request;
  size_t request_size, had;
  char answer[8192];
};

static const struct options *options;
static struct caller *callers;
static int count, poller;
static struct histogram times;
static uint64_t answered, refused, late;

static void fail(const char *what) {
  perror(what);
  exit(4);
}

static void open_connection(struct caller *c) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options->port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->socket = socket(AF_INET, SOCK_STREAM, 0);
  if (c->socket < 0 || connect(c->socket, (struct sockaddr *)&address, sizeof address)) fail("load: connect");
  setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(poller, EPOLL_CTL_ADD, c->socket, &event);
}

static void read_callers(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) fail(path);
  char line[4096], target[512], token[3072];
  for (int room = 0; fgets(line, sizeof line, file);) {
    int parts = sscanf(line, "%511s %3071s", target, token);
    if (parts < 1) continue;
    if (count == room && !(callers = reallocarray(callers, (size_t)(room = room ? 2 * room : 256), sizeof *callers))) exit(2);
    struct caller *c = &callers[count++];
    memset(c, 0, sizeof *c);
    int size = asprintf(
      &c->request, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s%s%sAccept: */*\r\n\r\n", target,
      parts > 1 ? "Authorization: Bearer " : "", parts > 1 ? token : "", parts > 1 ? "\r\n" : "");
    if (size < 0) exit(2);
    c->request_size = (size_t)size;
  }
  fclose(file);
}

static void ask(struct caller *c) {
  // Who has no answer yet does not ask again: a caller has one request in hand.
  if (c->awaits) { late++; return; }
  c->awaits = 1;
  c->had = 0;
  c->asked = now();
  if (write(c->socket, c->request, c->request_size) != (ssize_t)c->request_size) fail("load: write");
}

// The whole answer's size once its head is there, else 0.
static size_t size_of(const struct caller *c) {
  const char *end = memmem(c->answer, c->had, "\r\n\r\n", 4);
  if (!end) return 0;
  const char *length = strcasestr(c->answer, "\r\ncontent-length:");
  if (!length || length > end) {
    fprintf(stderr, "load: an answer without a length: %.*s\n", 200, c->answer);
    exit(3);
  }
  return (size_t)(end - c->answer) + 4 + strtoul(length + 17, NULL, 10);
}

static void readable(struct caller *c) {
  ssize_t got = read(c->socket, c->answer + c->had, sizeof c->answer - 1 - c->had);
  if (got <= 0) {
    fprintf(stderr, "load: a connection was lost\n");
    exit(4);
  }
  c->had += (size_t)got;
  c->answer[c->had] = 0;
  size_t size = size_of(c);
  if (!size || c->had < size) return;
  c->awaits = 0;
  answered++;
  histogram_add(&times, (now() - c->asked) / 1000);
  if (memcmp(c->answer + 8, " 200 ", 5)) {
    if (!refused++) fprintf(stderr, "load: not answered with 200: %.*s\n", 300, c->answer);
  }
}

static void wait_until(uint64_t time) {
  struct epoll_event events[256];
  for (uint64_t at = now(); at < time; at = now()) {
    struct timespec left = {.tv_sec = (time_t)((time - at) / 1000000000u), .tv_nsec = (long)((time - at) % 1000000000u)};
    int ready = epoll_pwait2(poller, events, 256, &left, NULL);
    if (ready < 0 && errno != EINTR) fail("load: epoll_pwait2");
    for (int i = 0; i < ready; i++) readable(events[i].data.ptr);
  }
}

// Evenly spread: so many callers, each `rate` times a second, for so long. `polling` is 0 for a time without any.
static void run(double seconds, int polling) {
  uint64_t start = now(), end = start + (uint64_t)(seconds * 1e9);
  if (!polling) return wait_until(end);
  double step = 1e9 / (options->rate * count);
  for (uint64_t i = 0;; i++) {
    uint64_t due = start + (uint64_t)((double)i * step);
    if (due >= end) return wait_until(end);
    wait_until(due);
    ask(&callers[i % (uint64_t)count]);
  }
}

static void measure(const char *phase, int polling) {
  histogram_clear(&times);
  answered = refused = late = 0;
  double server = processes_cpu(&options->server), others = processes_cpu(&options->others);
  run(options->seconds, polling);
  server = processes_cpu(&options->server) - server;
  others = processes_cpu(&options->others) - others;
  printf(
    "label=%s phase=%s callers=%d per_s=%.0f refused=%llu late=%llu", options->label, phase, count,
    (double)answered / options->seconds, (unsigned long long)refused, (unsigned long long)late);
  histogram_print(&times, "");
  // Thousandths of a core: polls cost what they add to the quiet phase's.
  printf(
    " server_millicores=%.2f others_millicores=%.2f mib=%.1f\n", server * 1e3 / options->seconds,
    others * 1e3 / options->seconds, (double)processes_memory(&options->server) / 1024);
  fflush(stdout);
}

int polls(const struct options *o) {
  options = o;
  poller = epoll_create1(0);
  if (!o->callers) {
    fprintf(stderr, "load: polls needs --callers\n");
    return 2;
  }
  read_callers(o->callers);
  for (int i = 0; i < o->phase_count; i++) {
    int polling = !strcmp(o->phases[i], "polls");
    if (polling) {
      // A server lets go of who asks nothing for long. What it sets up with the first polls is not measured.
      for (int j = 0; j < count; j++) if (!callers[j].socket) open_connection(&callers[j]);
      run(25 / o->rate, 1);
    }
    measure(o->phases[i], polling);
  }
  return 0;
}
