#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arrivals.h"
#include "clock.h"
#include "events.h"
#include "histogram.h"
#include "jobs.h"
#include "load.h"
#include "meter.h"
#include "publisher.h"
#include "websocket.h"

// The figures of one phase.
static struct {
  struct histogram delay;
  struct meter meter;
  uint64_t bytes, frames, first, last;
} phase;

static const struct options *options;
static struct client *clients;
static struct histogram connecting;
static int ready, gone, streams = 1;
static char greeting[15000];
static int greeting_length;
static int is_closed_loop;
static uint64_t slice; // the number of the one that is measured, or 0
static uint64_t closed_until;

static void publish(int stream) { publisher_send(stream, arrivals_published(stream)); }

static uint64_t arrived_at;

static void arrived(void *whose, const struct event *event) {
  struct client *c = whose;
  if (!phase.first || event->sent < phase.first) phase.first = event->sent;
  phase.last = arrived_at;
  histogram_add(&phase.delay, arrived_at > event->sent ? (arrived_at - event->sent) / 1000 : 0);
  arrivals_got(event->stream, c->index, event->number);
  if (is_closed_loop && arrived_at < closed_until)
    while (arrivals_under_way(event->stream) < (uint32_t)options->window) publish(event->stream);
}

static void becomes_ready(struct client *c) {
  c->is_ready = 1;
  ready++;
  histogram_add(&connecting, (now() - c->began) / 1000);
}

static void opened(struct client *c) {
  if (jobs_is_submitter(c)) return jobs_opened(c);
  if (greeting_length) client_send(c, greeting, (size_t)greeting_length);
  else becomes_ready(c);
}

static void message(struct client *c, const char *text, size_t length, uint64_t at) {
  if (holds_ping(text, length)) client_send(c, "{}", 2);
  if (length <= 6 && !memcmp(text, "PING", length < 4 ? length : 4)) return client_send(c, "PONG\r\n", 6);
  if (c->phase == client_gone) return;
  if (jobs_is_submitter(c)) return jobs_message(c, text, length);
  if (c->is_ready) {
    arrived_at = at;
    phase.frames++;
    phase.bytes += length;
    return events_read(text, length, arrived, c);
  }
  if (options->ready) {
    if (memmem(text, length, options->ready, strlen(options->ready))) becomes_ready(c);
    return;
  }
  c->answers += occurrences(text, length, "\"connect\":{") + occurrences(text, length, "\"subscribe\":{");
  if (c->answers == 1 + options->jobs + (options->subscribe ? 1 : 0)) becomes_ready(c);
  if (occurrences(text, length, "\"error\":{")) {
    fprintf(stderr, "load: refused: %.*s\n", (int)length, text);
    exit(3);
  }
}

static void went(struct client *c) {
  gone++;
  ready -= c->is_ready;
}

static void begin(void) {
  memset(&phase, 0, sizeof phase);
  arrivals_forget();
  phase.meter = meter_start(options);
}

static void report(const char *name) {
  struct meter m = meter_read(&phase.meter, options);
  double wall = (double)m.began / 1e9;
  uint64_t missing = arrivals_missing();
  struct arrivals all = arrivals_so_far();
  double span = phase.last > phase.first ? (double)(phase.last - phase.first) / 1e9 : 0;
  printf(
    "label=%s phase=%s watchers=%d published=%llu per_s=%.0f missing=%llu superseded=%llu bytes=%.0f", options->label,
    name, options->connections, (unsigned long long)all.published, span > 0 ? (double)all.delivered / span : 0,
    (unsigned long long)missing, (unsigned long long)all.superseded,
    all.delivered ? (double)phase.bytes / (double)all.delivered : 0);
  if (slice) printf(" slice=%llu", (unsigned long long)slice);
  printf(" a_frame=%.2f", phase.frames ? (double)all.delivered / (double)phase.frames : 0);
  histogram_print(&phase.delay, "");
  printf(
    " cpu_us=%.3f cpu_percent=%.0f others_percent=%.0f load_percent=%.0f gone=%d\n",
    all.delivered ? m.server * 1e6 / (double)all.delivered : 0, 100 * m.server / wall, 100 * m.others / wall,
    100 * m.self / wall, gone);
  fflush(stdout);
}

// Waits until everything published has arrived, or nothing has for five seconds. What was published on several
// connections may be overtaken: then for as long as some of it arrives yet.
static void drain(void) {
  uint64_t seen = arrivals_so_far().delivered, since = now();
  for (;;) {
    uint64_t patience = arrivals_missing() ? 5000000000u : arrivals_so_far().superseded ? 200000000u : 0;
    if (now() - since >= patience) return;
    clients_turn(20);
    if (arrivals_so_far().delivered == seen) continue;
    seen = arrivals_so_far().delivered;
    since = now();
  }
}

// One message in each stream, unmeasured: from then on the programs that read our pipes run.
static int warm(void) {
  begin();
  for (int i = 0; i < streams; i++) publish(i);
  uint64_t limit = now() + 20000000000u;
  while (arrivals_missing() && !gone && now() < limit) clients_turn(20);
  if (arrivals_missing()) fprintf(stderr, "load: the first messages did not arrive\n");
  return !arrivals_missing();
}

// So many messages a second, on a schedule that waits for nobody.
static void fixed(const char *name, double rate, double seconds) {
  begin();
  uint64_t count = (uint64_t)(rate * seconds), at = now();
  for (uint64_t i = 0; i < count; i++) {
    uint64_t due = at + (uint64_t)((double)i * 1e9 / rate);
    clients_turn_until(due);
    publish((int)(i % (uint64_t)streams));
  }
  drain();
  report(name);
}

// In each stream a message as soon as watchers have, on the average, the one that many before.
static void closed(const char *name, double seconds) {
  begin();
  is_closed_loop = 1;
  closed_until = now() + (uint64_t)(seconds * 1e9);
  for (int i = 0; i < streams; i++)
    for (int j = 0; j < options->window; j++) publish(i);
  while (now() < closed_until) clients_turn(20);
  is_closed_loop = 0;
  drain();
  report(name);
}

// By turns with other loads of this kind: each has every so manyth second of the clock that they share, and rests
// in the others'. At a rate, or in a closed loop where that is 0.
static void slices(double rate, double seconds) {
  enum { length = 1000000000, late = length / 20 };
  for (uint64_t end = now() + (uint64_t)(seconds * 1e9), time; (time = now()) < end;) {
    uint64_t passed = time % length;
    int is_ours = time / length % (uint64_t)options->turns == (uint64_t)options->turn;
    if (is_ours && passed < late && slice != time / length) {
      slice = time / length;
      if (rate > 0) fixed("slice-fixed", rate, 0.8);
      else closed("slice-closed", 0.8);
    } else clients_turn(passed < length - late ? 20 : 1);
  }
  slice = 0;
}

static void idle(double seconds, long memory_before) {
  begin();
  while ((double)(now() - phase.meter.began) / 1e9 < seconds) clients_turn(100);
  struct meter m = meter_read(&phase.meter, options);
  long memory = processes_memory(&options->server);
  printf(
    "label=%s phase=idle watchers=%d memory_kib=%ld bytes_per_connection=%.0f cpu_percent=%.2f\n", options->label,
    ready, memory, (double)(memory - memory_before) * 1024 / options->connections, 100 * m.server / seconds);
  fflush(stdout);
}

static void prepare_greeting(const struct job *jobs) {
  if (options->greeting) greeting_length = snprintf(greeting, sizeof greeting, "%s", options->greeting);
  if (options->token)
    greeting_length = jobs_greeting(greeting, sizeof greeting, options, jobs, options->jobs, options->subscribe);
}

static int connect_all(long *memory_before) {
  histogram_clear(&connecting);
  *memory_before = processes_memory(&options->server);
  begin();
  uint64_t limit = phase.meter.began + 90000000000u;
  clients_start(clients, options->connections, options->at_once, &ready, &gone, limit);
  struct meter m = meter_read(&phase.meter, options);
  printf(
    "label=%s phase=connect watchers=%d gone=%d per_s=%.0f cpu_us=%.1f", options->label, ready, gone,
    ready / ((double)m.began / 1e9), m.server * 1e6 / options->connections);
  histogram_print(&connecting, "");
  printf("\n");
  fflush(stdout);
  return ready == options->connections;
}

int fan_out(const struct options *o) {
  options = o;
  clients = calloc((size_t)o->connections, sizeof *clients);
  const struct client_events events = {
    .path = o->path, .subprotocol = o->subprotocol, .port = o->port, .opened = opened, .message = message,
    .gone = went};
  clients_prepare(&events, o->connections);
  struct job *jobs = NULL;
  if (o->jobs) {
    streams = o->jobs;
    jobs_prepare(o, o->connections, o->jobs);
    if (!(jobs = jobs_submit())) return 3;
  }
  arrivals_prepare(streams, o->connections);
  if (o->publish) publisher_open(o, jobs);
  prepare_greeting(jobs);
  long memory_before;
  if (!connect_all(&memory_before)) return 3;
  // Let everything that connecting began come to its end.
  for (uint64_t until = now() + 500000000u; now() < until;) clients_turn(50);
  if (o->publish && !warm()) return 3;
  for (int i = 0; i < o->phase_count; i++) {
    double a = 0, b = 0;
    char name[16] = "";
    sscanf(o->phases[i], "%15[a-z]:%lf:%lf", name, &a, &b);
    if (!strcmp(name, "fixed")) fixed(name, a, b);
    else if (!strcmp(name, "closed")) closed(name, a);
    else if (!strcmp(name, "slices")) slices(a, b);
    else if (!strcmp(name, "idle")) idle(a, memory_before);
    if (gone) {
      fprintf(stderr, "load: %d connections were lost\n", gone);
      return 4;
    }
  }
  if (o->publish) publisher_close();
  return 0;
}
