// Sockets that come back as the protocol's SDKs do, while their server is restarted: a line for each second.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "events.h"
#include "histogram.h"
#include "jobs.h"
#include "load.h"
#include "websocket.h"

// An SDK waits at least half a second, then up to twice that the first time, and up to twice as long each further time.
enum { least_ms = 500, most_ms = 20000, most_codes = 5000 };

static const struct options *options;
static struct client *clients;
static uint64_t *due; // by client: when it comes back; 0 while it is there or on its way
static unsigned char *attempts;
static struct job *job;
static int ready;
static char greeting[4096];
static int greeting_length;
static struct histogram absent;
static uint64_t *left; // by client: when it lost its connection

static struct counts {
  // Refused: nobody listened. Rejected: an answer other than 101. Broken: it ended before it was ready, and neither.
  int refused, rejected, broken, closed, lost, returned;
} of_second, all;
static int codes[most_codes];

static void count(size_t offset) {
  ++*(int *)((char *)&of_second + offset);
  ++*(int *)((char *)&all + offset);
}
#define COUNT(what) count(offsetof(struct counts, what))

static void opened(struct client *c) {
  if (jobs_is_submitter(c)) return jobs_opened(c);
  client_send(c, greeting, (size_t)greeting_length);
}

static void message(struct client *c, const char *text, size_t length, uint64_t at) {
  if (holds_ping(text, length)) client_send(c, "{}", 2);
  if (c->phase == client_gone) return;
  if (jobs_is_submitter(c)) return jobs_message(c, text, length);
  if (c->is_ready) return;
  c->answers += occurrences(text, length, "\"connect\":{") + occurrences(text, length, "\"subscribe\":{");
  if (c->answers < 2) return;
  c->is_ready = 1;
  ready++;
  attempts[c->index] = 0;
  if (!left[c->index]) return;
  COUNT(returned);
  histogram_add(&absent, (at - left[c->index]) / 1000);
  left[c->index] = 0;
}

static void went(struct client *c) {
  if (jobs_is_submitter(c)) return;
  if (c->is_ready) {
    ready--;
    left[c->index] = now();
    if (c->close_code) {
      COUNT(closed);
      codes[c->close_code < most_codes ? c->close_code : 0]++;
    } else COUNT(lost);
  } else if (c->error == ECONNREFUSED) COUNT(refused);
  else if (c->status) COUNT(rejected);
  else COUNT(broken);
  int step = attempts[c->index] < 6 ? attempts[c->index]++ : 6;
  int span = least_ms << step < most_ms ? least_ms << step : most_ms;
  due[c->index] = now() + (uint64_t)(least_ms + rand() % span) * 1000000u;
}

static void start(int index) {
  struct client *c = &clients[index];
  c->index = index;
  c->answers = c->is_ready = 0;
  due[index] = 0;
  client_start(c);
}

static int connect_all(void) {
  const int gone = 0; // One that ends is waited for: it is to come back.
  clients_start(clients, options->connections, options->at_once, &ready, &gone, now() + 60000000000u);
  return ready == options->connections;
}

static void tell(int second) {
  printf(
    "label=%s phase=restart second=%d ready=%d closed=%d lost=%d returned=%d refused=%d rejected=%d broken=%d\n",
    options->label, second, ready, of_second.closed, of_second.lost, of_second.returned, of_second.refused,
    of_second.rejected, of_second.broken);
  fflush(stdout);
  memset(&of_second, 0, sizeof of_second);
}

int restart(const struct options *o) {
  options = o;
  size_t number = (size_t)o->connections;
  clients = calloc(number, sizeof *clients);
  due = calloc(number, sizeof *due);
  left = calloc(number, sizeof *left);
  attempts = calloc(number, 1);
  if (!clients || !due || !left || !attempts) return 2;
  const struct client_events events = {
    .path = o->path, .port = o->port, .is_quiet = 1, .opened = opened, .message = message, .gone = went};
  clients_prepare(&events, o->connections);
  jobs_prepare(o, o->connections, 1);
  if (!(job = jobs_submit())) return 3;
  greeting_length = jobs_greeting(greeting, sizeof greeting, o, job, 1, NULL);
  if (!connect_all()) return 3;
  // Whoever restarts the server waits for this line.
  printf("label=%s phase=connected watchers=%d\n", o->label, ready);
  fflush(stdout);
  uint64_t begin = now();
  for (int second = 0; second < (int)o->seconds; second++) {
    for (uint64_t end = begin + (uint64_t)(second + 1) * 1000000000u, time; (time = now()) < end;) {
      for (int i = 0; i < o->connections; i++)
        if (due[i] && due[i] <= time) start(i);
      clients_turn(5);
    }
    tell(second);
  }
  printf(
    "label=%s phase=restarted ready=%d closed=%d lost=%d returned=%d refused=%d rejected=%d broken=%d", o->label, ready,
    all.closed, all.lost, all.returned, all.refused, all.rejected, all.broken);
  for (int i = 1; i < most_codes; i++)
    if (codes[i]) printf(" code_%d=%d", i, codes[i]);
  histogram_print(&absent, "absent_");
  printf("\n");
  return ready == o->connections ? 0 : 4;
}
