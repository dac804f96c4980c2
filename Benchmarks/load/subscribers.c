// Many gateways' worth of subscriptions on one Redis: plain connections that SUBSCRIBE and read.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "load.h"
#include "meter.h"
#include "websocket.h"

enum { most_gateways = 64, batch = 500, most_in_flight = 256 };

static const struct options *options;
static struct watched gateways[most_gateways], publisher;
static uint64_t confirmed, messages, answers, sent, bytes;
static char payload[4096];

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(2);
}

static int connected(void) {
  int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  struct sockaddr_in to = {
    .sin_family = AF_INET, .sin_port = htons((uint16_t)options->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (descriptor < 0 || connect(descriptor, (void *)&to, sizeof to)) fail("connect");
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return descriptor;
}

static void send_all(int descriptor, const char *text, size_t length) {
  for (size_t at = 0; at < length;) {
    ssize_t wrote = send(descriptor, text + at, length - at, MSG_NOSIGNAL);
    if (wrote < 0) fail("send");
    at += (size_t)wrote;
  }
}

static int channel_write(char *into, int number) { return sprintf(into, "fanfare:{p0}v:%022d", number); }

// Frames begin "*3" and replies to PUBLISH ":"; both are counted, not read: the figures are Redis's.
static uint64_t count(const char *text, size_t length, char first) {
  uint64_t found = 0;
  for (const char *end = text + length; (text = memchr(text, first, (size_t)(end - text))); text++) found++;
  return found;
}

static char buffer[1 << 20];

static void gateway_readable(struct watched *w) {
  ssize_t got = recv(w->descriptor, buffer, sizeof buffer, MSG_DONTWAIT);
  if (got == 0) { errno = ECONNRESET; fail("Redis closed a subscriber"); }
  if (got <= 0) return;
  bytes += (uint64_t)got;
  // No payload and no channel has an asterisk.
  uint64_t frames = count(buffer, (size_t)got, '*');
  if (confirmed < (uint64_t)options->count * (uint64_t)options->each) confirmed += frames;
  else messages += frames;
}

static void publisher_readable(struct watched *w) {
  ssize_t got = recv(w->descriptor, buffer, sizeof buffer, MSG_DONTWAIT);
  if (got <= 0) return;
  if (memchr(buffer, '-', (size_t)got)) { errno = EPROTO; fail("PUBLISH"); }
  answers += count(buffer, (size_t)got, ':');
}

// Each channel is watched by `each` gateways, one behind the other.
static int watches(int gateway, int channel) {
  return (gateway - channel % options->gateways + options->gateways) % options->gateways < options->each;
}

// Returns how many of these channels the gateway watches.
static int subscribe(int gateway, int from, int to) {
  static char list[batch * 64], text[batch * 64 + 64];
  char name[64];
  int length = 0, wanted = 0;
  for (int i = from; i < to; i++) {
    if (!watches(gateway, i)) continue;
    int size = channel_write(name, i);
    length += sprintf(list + length, "$%d\r\n%s\r\n", size, name);
    wanted++;
  }
  if (!wanted) return 0;
  int head = sprintf(text, "*%d\r\n$9\r\nSUBSCRIBE\r\n", wanted + 1);
  memcpy(text + head, list, (size_t)length);
  send_all(gateways[gateway].descriptor, text, (size_t)(head + length));
  return wanted;
}

static void publish(int channel) {
  char text[4400], name[64];
  int size = channel_write(name, channel);
  int length = sprintf(
    text, "*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$%zu\r\n%s\r\n", size, name, options->size, payload);
  send_all(publisher.descriptor, text, (size_t)length);
  sent++;
}

static void report(const char *phase, double count_of, const struct meter *m, long memory) {
  printf(
    "label=%s phase=%s gateways=%d each=%d channels=%d per_s=%.0f redis_us=%.2f redis_percent=%.0f",
    options->label, phase, options->gateways, options->each, options->count, count_of / ((double)m->began / 1e9), m->server * 1e6 / count_of,
    m->server * 1e11 / (double)m->began);
  if (memory) printf(" bytes_per_subscription=%.0f", (double)memory * 1024 / count_of);
  else printf(
    " deliveries=%.2f megabytes_per_s=%.1f", (double)messages / count_of,
    (double)bytes / 1e3 / ((double)m->began / 1e6));
  printf("\n");
  fflush(stdout);
}

int subscribers(const struct options *o) {
  options = o;
  if (o->gateways < 1 || o->gateways > most_gateways || o->each > o->gateways || o->size >= sizeof payload) return 2;
  memset(payload, 'x', o->size);
  const struct client_events events = {.port = o->port};
  clients_prepare(&events, o->gateways);
  long before = processes_memory(&o->server);
  struct meter from = meter_start(o);
  for (int i = 0; i < o->gateways; i++) {
    gateways[i] = (struct watched){.readable = gateway_readable, .descriptor = connected()};
    watch_readable(&gateways[i]);
  }
  // By turns, as gateways that start together would; each batch is answered before a gateway has the next.
  uint64_t all = (uint64_t)o->count * (uint64_t)o->each, asked = 0;
  for (int at = 0; at < o->count; at += batch) {
    int to = at + batch < o->count ? at + batch : o->count;
    for (int i = 0; i < o->gateways; i++) asked += (uint64_t)subscribe(i, at, to);
    for (uint64_t limit = now() + 10000000000u; confirmed < asked && now() < limit;) clients_turn(20);
    if (confirmed < asked) { errno = ETIMEDOUT; fail("SUBSCRIBE"); }
  }
  struct meter m = meter_read(&from, o);
  report("subscribe", (double)all, &m, processes_memory(&o->server) - before);
  publisher = (struct watched){.readable = publisher_readable, .descriptor = connected()};
  watch_readable(&publisher);
  from = meter_start(o);
  bytes = 0;
  double seconds = o->phase_count ? atof(strchr(o->phases[0], ':') + 1) : 3;
  for (uint64_t until = now() + (uint64_t)(seconds * 1e9); now() < until;) {
    while (sent - answers < most_in_flight) publish((int)(sent % (uint64_t)o->count));
    clients_turn(20);
  }
  for (uint64_t limit = now() + 5000000000u; now() < limit && messages < sent * (uint64_t)o->each;) clients_turn(20);
  m = meter_read(&from, o);
  report("publish", (double)sent, &m, 0);
  return messages == sent * (uint64_t)o->each ? 0 : 4;
}
