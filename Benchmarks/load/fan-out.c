#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "histogram.h"
#include "load.h"
#include "publisher.h"
#include "websocket.h"

// The figures of one phase. What was published before it began does not count.
static struct {
  struct histogram delay;
  uint64_t bytes, frames, published, began, first, last;
  double server, others, self;
} phase;

enum { first_job = 2 };

static const struct options *options;
static struct client *clients; // The last one submits the jobs.
static struct histogram connecting;
static int started, ready, gone;
static char greeting[8192];
static int greeting_length;
static char job_ids[publisher_slots][64];
static int job_count;
// Of the message under way in each slot: how many watchers have it.
static int arrived[publisher_slots];
static int is_closed_loop;
static uint64_t closed_until;

static void publish(int slot) {
  arrived[slot] = 0;
  phase.published++;
  publisher_send(slot);
}

static void received(const char *text, size_t length, uint64_t at) {
  phase.frames++;
  phase.bytes += length;
  const char *end = text + length;
  // A server may put several messages into one.
  while ((text = memmem(text, (size_t)(end - text), "\"ts\":", 5))) {
    text += 5;
    uint64_t sent = strtoull(text, (char **)&text, 10);
    if (sent < phase.began) continue;
    if (!phase.first || sent < phase.first) phase.first = sent;
    phase.last = at;
    histogram_add(&phase.delay, at > sent ? (at - sent) / 1000 : 0);
    int slot = end - text > 6 ? text[6] - '0' : -1;
    if (slot < 0 || slot >= publisher_slots || ++arrived[slot] < options->connections) continue;
    if (is_closed_loop && at < closed_until) publish(slot);
  }
}

static int occurrences(const char *text, size_t length, const char *of) {
  int count = 0;
  size_t size = strlen(of);
  for (const char *end = text + length; (text = memmem(text, (size_t)(end - text), of, size)); text += size) count++;
  return count;
}

static void becomes_ready(struct client *c) {
  c->is_ready = 1;
  ready++;
  histogram_add(&connecting, (now() - c->began) / 1000);
}

static void opened(struct client *c) {
  if (c->index == options->connections) {
    // The one that submits.
    char text[4096];
    int length = snprintf(text, sizeof text, "{\"id\":1,\"connect\":{\"token\":\"%s\"}}", options->token);
    for (int i = 0; i < options->jobs; i++)
      length += snprintf(
        text + length, sizeof text - (size_t)length,
        "\n{\"id\":%d,\"rpc\":{\"method\":\"job.submit\",\"data\":{\"kind\":\"%s\",\"payload\":{\"pipe\":\"%s/pipe.%d\"}}}}",
        first_job + i, options->kind, strchr(options->publish, ':') + 1, i);
    client_send(c, text, (size_t)length);
    return;
  }
  if (greeting_length) client_send(c, greeting, (size_t)greeting_length);
  else becomes_ready(c);
}

static void message(struct client *c, const char *text, size_t length, uint64_t at) {
  if (length <= 3 && text[0] == '{' && text[1] == '}') return client_send(c, "{}", 2);
  if (c->index == options->connections) {
    const char *id = memmem(text, length, "\"job\":{\"id\":\"", 13);
    if (id && job_count < publisher_slots) snprintf(job_ids[job_count++], 37, "%s", id + 13);
    if (memmem(text, length, "\"error\":{\"code\"", 15)) {
      fprintf(stderr, "load: refused: %.*s\n", (int)length, text);
      exit(3);
    }
    return;
  }
  if (c->is_ready) return received(text, length, at);
  c->answers += occurrences(text, length, "\"connect\":{") + occurrences(text, length, "\"subscribe\":{");
  if (c->answers == 1 + options->jobs + (options->subscribe ? 1 : 0)) becomes_ready(c);
  if (occurrences(text, length, "\"error\":{")) {
    fprintf(stderr, "load: refused: %.*s\n", (int)length, text);
    exit(3);
  }
}

static void went(struct client *c) {
  (void)c;
  gone++;
  ready -= c->is_ready;
}

static void begin(void) {
  memset(&phase, 0, sizeof phase);
  phase.server = processes_cpu(&options->server);
  phase.others = processes_cpu(&options->others);
  struct processes self = {.ids = {getpid()}, .count = 1};
  phase.self = processes_cpu(&self);
  phase.began = now();
}

static void report(const char *name) {
  double wall = (double)(now() - phase.began) / 1e9;
  double server = processes_cpu(&options->server) - phase.server;
  double others = processes_cpu(&options->others) - phase.others;
  struct processes self = {.ids = {getpid()}, .count = 1};
  double own = processes_cpu(&self) - phase.self;
  uint64_t delivered = phase.delay.count, expected = phase.published * (uint64_t)options->connections;
  double span = phase.last > phase.first ? (double)(phase.last - phase.first) / 1e9 : 0;
  printf(
    "label=%s phase=%s watchers=%d published=%llu per_s=%.0f missing=%lld bytes=%.0f", options->label, name,
    options->connections, (unsigned long long)phase.published, span > 0 ? (double)delivered / span : 0,
    (long long)(expected - delivered), delivered ? (double)phase.bytes / (double)delivered : 0);
  histogram_print(&phase.delay, "");
  printf(
    " cpu_us=%.2f cpu_percent=%.0f others_percent=%.0f load_percent=%.0f gone=%d\n",
    delivered ? server * 1e6 / (double)delivered : 0, 100 * server / wall, 100 * others / wall, 100 * own / wall, gone);
  fflush(stdout);
}

// Waits until everything published has arrived, or nothing has for a second.
static void drain(void) {
  uint64_t seen = phase.delay.count, since = now();
  while (phase.delay.count < phase.published * (uint64_t)options->connections && now() - since < 1000000000u) {
    clients_turn(20);
    if (phase.delay.count == seen) continue;
    seen = phase.delay.count;
    since = now();
  }
}

// One message in each slot, unmeasured: from then on the programs that read our pipes run.
static int warm(void) {
  begin();
  int slots = options->jobs ? options->jobs : publisher_slots;
  for (int i = 0; i < slots; i++) publish(i);
  uint64_t all = phase.published * (uint64_t)options->connections, limit = now() + 20000000000u;
  while (phase.delay.count < all && !gone && now() < limit) clients_turn(20);
  if (phase.delay.count < all) fprintf(stderr, "load: the first messages did not arrive\n");
  return phase.delay.count >= all;
}

// So many messages a second, on a schedule that waits for nobody.
static void fixed(double rate, double seconds) {
  begin();
  uint64_t count = (uint64_t)(rate * seconds), at = now();
  for (uint64_t i = 0; i < count; i++) {
    uint64_t due = at + (uint64_t)((double)i * 1e9 / rate);
    for (uint64_t time; (time = now()) < due;) clients_turn((int)((due - time) / 1000000));
    publish(0);
  }
  drain();
  report("fixed");
}

// In each slot a message as soon as everybody has the one before.
static void closed(double seconds) {
  begin();
  is_closed_loop = 1;
  closed_until = phase.began + (uint64_t)(seconds * 1e9);
  for (int i = 0; i < publisher_slots; i++) publish(i);
  while (now() < closed_until && gone == 0) clients_turn(20);
  is_closed_loop = 0;
  drain();
  report("closed");
}

static void idle(double seconds, long memory_before) {
  begin();
  while ((double)(now() - phase.began) / 1e9 < seconds) clients_turn(100);
  long memory = processes_memory(&options->server);
  printf(
    "label=%s phase=idle connections=%d memory_kib=%ld bytes_per_connection=%.0f cpu_percent=%.2f\n", options->label,
    ready, memory, (double)(memory - memory_before) * 1024 / options->connections,
    100 * (processes_cpu(&options->server) - phase.server) / seconds);
  fflush(stdout);
}

static int wait_for_jobs(void) {
  struct client *c = &clients[options->connections];
  c->index = options->connections;
  client_start(c);
  uint64_t limit = now() + 20000000000u;
  while (job_count < options->jobs && !gone && now() < limit) clients_turn(20);
  if (job_count < options->jobs) fprintf(stderr, "load: the jobs were not accepted\n");
  return job_count == options->jobs;
}

static void prepare_greeting(void) {
  if (!options->token) return;
  int n = snprintf(greeting, sizeof greeting, "{\"id\":1,\"connect\":{\"token\":\"%s\"}}", options->token);
  for (int i = 0; i < job_count; i++)
    n += snprintf(
      greeting + n, sizeof greeting - (size_t)n, "\n{\"id\":%d,\"subscribe\":{\"channel\":\"job:%s\"}}", i + 2, job_ids[i]);
  if (options->subscribe)
    n += snprintf(
      greeting + n, sizeof greeting - (size_t)n, "\n{\"id\":99,\"subscribe\":{\"channel\":\"%s\"}}", options->subscribe);
  greeting_length = n;
}

static int connect_all(long *memory_before) {
  prepare_greeting();
  histogram_clear(&connecting);
  *memory_before = processes_memory(&options->server);
  begin();
  uint64_t limit = phase.began + 90000000000u;
  while (ready + gone < options->connections && now() < limit) {
    while (started < options->connections && started - ready - gone < options->at_once) {
      clients[started].index = started;
      client_start(&clients[started++]);
    }
    clients_turn(20);
  }
  double seconds = (double)(now() - phase.began) / 1e9;
  double server = processes_cpu(&options->server) - phase.server;
  printf(
    "label=%s phase=connect connections=%d gone=%d per_s=%.0f cpu_us=%.1f", options->label, ready, gone,
    ready / seconds, server * 1e6 / options->connections);
  histogram_print(&connecting, "");
  printf("\n");
  fflush(stdout);
  return ready == options->connections;
}

int fan_out(const struct options *o) {
  options = o;
  clients = calloc((size_t)o->connections + 1, sizeof *clients);
  char host[32];
  snprintf(host, sizeof host, "127.0.0.1:%d", o->port);
  const struct client_events events = {
    .host_header = host, .path = o->path, .port = o->port, .opened = opened, .message = message, .gone = went};
  clients_prepare(&events, o->connections);
  if (o->publish) publisher_open(o->publish, o->size);
  if (o->jobs && !wait_for_jobs()) return 3;
  long memory_before;
  if (!connect_all(&memory_before)) return 3;
  // Let everything that connecting began come to its end.
  for (uint64_t until = now() + 500000000u; now() < until;) clients_turn(50);
  if (o->publish && !warm()) return 3;
  for (int i = 0; i < o->phase_count; i++) {
    double a = 0, b = 0;
    char name[16] = "";
    sscanf(o->phases[i], "%15[a-z]:%lf:%lf", name, &a, &b);
    if (!strcmp(name, "fixed")) fixed(a, b);
    else if (!strcmp(name, "closed")) closed(a);
    else if (!strcmp(name, "idle")) idle(a, memory_before);
    if (gone) {
      fprintf(stderr, "load: %d connections were lost\n", gone);
      return 4;
    }
  }
  if (o->publish) publisher_close();
  return 0;
}
