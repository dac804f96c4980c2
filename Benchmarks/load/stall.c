// One watcher of a job stops reading, or all but stops; the others go on: a line for each second.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arrivals.h"
#include "clock.h"
#include "events.h"
#include "histogram.h"
#include "jobs.h"
#include "load.h"
#include "publisher.h"
#include "websocket.h"

// Seconds before the pause, and the least after it.
enum { before_s = 5, after_s = 5 };

static const struct options *options;
static struct client *clients; // the last one is the one that stops
static struct job *job;
static struct histogram delay;
static int ready, gone;
static uint64_t arrived_at, frames;
static char greeting[4096];
static int greeting_length;

// What the one that stopped is sent.
static struct { uint64_t resumed, caught_up, delivered; uint32_t newest, published; int is_gone; } slow;

static int is_slow(const struct client *c) { return c->index == options->connections; }

static void opened(struct client *c) {
  if (jobs_is_submitter(c)) return jobs_opened(c);
  client_send(c, greeting, (size_t)greeting_length);
}

static void got(void *whose, const struct event *event) {
  struct client *c = whose;
  if (!is_slow(c)) {
    histogram_add(&delay, arrived_at > event->sent ? (arrived_at - event->sent) / 1000 : 0);
    arrivals_got(0, c->index, event->number);
    return;
  }
  slow.delivered++;
  slow.newest = event->number;
  // Up with the others: it has what was published a moment ago.
  if (slow.resumed && !slow.caught_up && event->sent > slow.resumed) slow.caught_up = arrived_at;
}

static void message(struct client *c, const char *text, size_t length, uint64_t at) {
  if (holds_ping(text, length)) client_send(c, "{}", 2);
  if (c->phase == client_gone) return;
  if (jobs_is_submitter(c)) return jobs_message(c, text, length);
  arrived_at = at;
  frames++;
  if (c->is_ready) return events_read(text, length, got, c);
  c->answers += occurrences(text, length, "\"connect\":{") + occurrences(text, length, "\"subscribe\":{");
  if (c->answers < 2) return;
  c->is_ready = 1;
  ready++;
}

static void went(struct client *c) {
  if (is_slow(c)) slow.is_gone = 1;
  else gone++;
}

static int connect_all(void) {
  for (int i = 0; i <= options->connections; i++) {
    clients[i].index = i;
    client_start(&clients[i]);
  }
  for (uint64_t limit = now() + 20000000000u; ready <= options->connections && now() < limit;) clients_turn(20);
  return ready == options->connections + 1;
}

static void tell(int second, int is_paused) {
  struct arrivals all = arrivals_so_far();
  printf(
    "label=%s phase=stall second=%d paused=%d open=%d memory_kib=%ld per_s=%llu superseded=%llu",
    options->label, second, is_paused, !slow.is_gone, processes_memory(&options->server), (unsigned long long)all.delivered,
    (unsigned long long)all.superseded);
  histogram_print(&delay, "");
  printf("\n");
  fflush(stdout);
  histogram_clear(&delay);
  arrivals_forget();
}

// Publishes on its schedule for a second; the slow one reads its bytes of it, in ten pieces.
static void second_pass(uint64_t begin, int is_paused) {
  uint64_t count = (uint64_t)options->rate, sips = 10;
  for (uint64_t i = 0; i < count; i++) {
    uint64_t due = begin + i * 1000000000u / count;
    for (uint64_t time; (time = now()) < due;) clients_turn((int)((due - time) / 1000000));
    if (is_paused && i * sips / count != (i + 1) * sips / count)
      client_sip(&clients[options->connections], (size_t)options->sip / sips);
    publisher_send(0, slow.published = arrivals_published(0));
  }
  uint64_t end = begin + 1000000000u;
  for (uint64_t time; (time = now()) < end;) clients_turn((int)((end - time) / 1000000));
}

int stall(const struct options *o) {
  options = o;
  clients = calloc((size_t)o->connections + 1, sizeof *clients);
  const struct client_events events = {
    .path = o->path, .port = o->port, .opened = opened, .message = message, .gone = went};
  clients_prepare(&events, o->connections + 1);
  jobs_prepare(o, o->connections + 1, 1);
  if (!(job = jobs_submit())) return 3;
  arrivals_prepare(1, o->connections);
  publisher_open(o, job);
  greeting_length = jobs_greeting(greeting, sizeof greeting, o, job, 1, NULL);
  if (!connect_all()) return 3;
  struct client *one = &clients[o->connections];
  int pause_end = before_s + (int)o->pause, end = pause_end + after_s;
  if (end < (int)o->seconds) end = (int)o->seconds;
  uint64_t begin = now();
  for (int second = 0; second < end && !gone; second++) {
    if (second == before_s) client_pause(one);
    if (second == pause_end && !slow.is_gone) {
      slow.resumed = now();
      client_resume(one);
    }
    int is_paused = second >= before_s && second < pause_end;
    second_pass(begin + (uint64_t)second * 1000000000u, is_paused);
    tell(second, is_paused);
  }
  printf(
    "label=%s phase=stalled published=%u delivered=%llu lacks=%u close_code=%d caught_up_ms=%.1f others_gone=%d\n",
    o->label, slow.published, (unsigned long long)slow.delivered, slow.published - slow.newest, one->close_code,
    slow.caught_up ? (double)(slow.caught_up - slow.resumed) / 1e6 : -1, gone);
  return gone ? 4 : 0;
}
