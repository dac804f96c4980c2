// Many jobs, each watched by one socket, beside jobs that nobody here watches.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "events.h"
#include "histogram.h"
#include "jobs.h"
#include "load.h"
#include "meter.h"
#include "publisher.h"
#include "websocket.h"

static const struct options *options;
static struct client *clients;
static struct job *jobs;
static int watched, ready, gone, next_watched, next_beside;
static int is_closed_loop;
static uint64_t published, arrived, closed_until, arrived_at;
static struct histogram delay;

static void publish(void) {
  publisher_send(next_watched, (uint32_t)++published);
  next_watched = (next_watched + 1) % watched;
  if (!options->beside) return;
  publisher_send(watched + next_beside, 0);
  next_beside = (next_beside + 1) % options->beside;
}

static void opened(struct client *c) {
  if (jobs_is_submitter(c)) return jobs_opened(c);
  char text[15000];
  int n = jobs_greeting(text, sizeof text, options, jobs + c->index * options->each, options->each, NULL);
  client_send(c, text, (size_t)n);
}

static void got(void *whose, const struct event *event) {
  (void)whose;
  arrived++;
  histogram_add(&delay, arrived_at > event->sent ? (arrived_at - event->sent) / 1000 : 0);
  if (is_closed_loop && arrived_at < closed_until) publish();
}

static void message(struct client *c, const char *text, size_t length, uint64_t at) {
  if (holds_ping(text, length)) client_send(c, "{}", 2);
  if (c->phase == client_gone) return;
  if (jobs_is_submitter(c)) return jobs_message(c, text, length);
  arrived_at = at;
  if (c->is_ready) return events_read(text, length, got, c);
  if (occurrences(text, length, "\"error\":{")) {
    fprintf(stderr, "load: refused: %.*s\n", (int)length, text);
    exit(3);
  }
  c->answers += occurrences(text, length, "\"connect\":{") + occurrences(text, length, "\"subscribe\":{");
  if (c->answers < 1 + options->each) return;
  c->is_ready = 1;
  ready++;
}

static void went(struct client *c) {
  (void)c;
  gone++;
}

static void head(const char *phase) {
  printf(
    "label=%s phase=%s watchers=%d each=%d beside=%d", options->label, phase, options->connections, options->each,
    options->beside);
}

static int subscribe_all(void) {
  long before = processes_memory(&options->server);
  struct meter from = meter_start(options);
  clients_start(clients, options->connections, options->at_once, &ready, &gone, now() + 180000000000u);
  struct meter m = meter_read(&from, options);
  double seconds = (double)m.began / 1e9;
  head("subscribe");
  printf(
    " subscriptions=%d gone=%d per_s=%.0f cpu_us=%.1f redis_us=%.1f bytes_per_subscription=%.0f memory_kib=%ld\n",
    watched, gone, watched / seconds, m.server * 1e6 / watched, m.others * 1e6 / watched,
    (double)(processes_memory(&options->server) - before) * 1024 / watched, processes_memory(&options->server));
  fflush(stdout);
  return ready == options->connections;
}

static void run(const char *name, double rate, double seconds) {
  uint64_t count_before = published = arrived = 0;
  histogram_clear(&delay);
  struct meter from = meter_start(options);
  if (rate > 0) {
    uint64_t count = (uint64_t)(rate * seconds), at = now();
    for (uint64_t i = 0; i < count; i++) {
      uint64_t due = at + (uint64_t)((double)i * 1e9 / rate);
      clients_turn_until(due);
      publish();
    }
  } else {
    is_closed_loop = 1;
    closed_until = now() + (uint64_t)(seconds * 1e9);
    for (int i = 0; i < options->window; i++) publish();
    while (now() < closed_until) clients_turn(20);
    is_closed_loop = 0;
  }
  for (uint64_t since = now(); arrived < published && now() - since < 5000000000u;) {
    if (arrived != count_before) { count_before = arrived; since = now(); }
    clients_turn(20);
  }
  struct meter m = meter_read(&from, options);
  head(name);
  printf(
    " published=%llu per_s=%.0f missing=%llu cpu_us=%.2f redis_us=%.2f cpu_percent=%.0f",
    (unsigned long long)published, (double)arrived / ((double)m.began / 1e9), (unsigned long long)(published - arrived),
    m.server * 1e6 / (double)published, m.others * 1e6 / (double)published, m.server * 1e11 / (double)m.began);
  histogram_print(&delay, "");
  printf("\n");
  fflush(stdout);
}

static void idle(double seconds) {
  struct meter from = meter_start(options);
  for (uint64_t until = now() + (uint64_t)(seconds * 1e9); now() < until;) clients_turn(100);
  struct meter m = meter_read(&from, options);
  head("idle");
  printf(
    " cpu_percent=%.2f redis_percent=%.2f memory_kib=%ld\n", m.server * 1e11 / (double)m.began,
    m.others * 1e11 / (double)m.began, processes_memory(&options->server));
  fflush(stdout);
}

int channels(const struct options *o) {
  options = o;
  watched = o->connections * o->each;
  clients = calloc((size_t)o->connections, sizeof *clients);
  const struct client_events events = {
    .path = o->path, .port = o->port, .opened = opened, .message = message, .gone = went};
  clients_prepare(&events, o->connections);
  jobs_prepare(o, o->connections, watched + o->beside);
  struct meter from = meter_start(o);
  if (!(jobs = jobs_submit())) return 3;
  struct meter m = meter_read(&from, o);
  head("submit");
  printf(" jobs=%d per_s=%.0f\n", watched + o->beside, (watched + o->beside) / ((double)m.began / 1e9));
  publisher_open(o, jobs);
  if (!subscribe_all()) return 3;
  for (uint64_t until = now() + 500000000u; now() < until;) clients_turn(50);
  for (int i = 0; i < o->phase_count; i++) {
    double a = 0, b = 0;
    char name[16] = "";
    sscanf(o->phases[i], "%15[a-z]:%lf:%lf", name, &a, &b);
    if (!strcmp(name, "fixed")) run(name, a, b);
    else if (!strcmp(name, "closed")) run(name, 0, a);
    else if (!strcmp(name, "idle")) idle(a);
  }
  return gone ? 4 : 0;
}
