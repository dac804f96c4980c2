#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "histogram.h"
#include "load.h"
#include "websocket.h"

// What is known of one submitted job.
struct submission {
  char id[37];
  uint64_t due; // when it was to be sent: waiting for our turn counts
  char has_begun, has_ended;
};

static const struct options *options;
// One after the other submits, as many users do: a connection carries out one command at a time.
static struct client *connections;
static struct submission *all;
static int accepted, begun, ended, unknown, connected;
static struct histogram reply, first_event, end;

static void opened(struct client *c) {
  char text[4096];
  client_send(
    c, text, (size_t)snprintf(text, sizeof text, "{\"id\":1,\"connect\":{\"token\":\"%s\"}}", options->token));
}

// The newest first: most events are of a job that was submitted just now.
static struct submission *find(const char *id, int sent) {
  for (int i = sent - 1; i >= 0; i--)
    if (!memcmp(all[i].id, id, 36)) return &all[i];
  return NULL;
}

static int sent;

static void line_read(struct client *c, const char *line, size_t length, uint64_t at) {
  if (length == 2) return client_send(c, "{}", 2);
  if (memmem(line, length, "\"error\":{\"code\":", 16) && memcmp(line, "{\"push\"", 7)) {
    fprintf(stderr, "load: refused: %.*s\n", (int)length, line);
    exit(3);
  }
  int id;
  if (sscanf(line, "{\"id\":%d,\"rpc\"", &id) == 1 && id >= 10 && id < 10 + sent) {
    accepted++;
    histogram_add(&reply, (at - all[id - 10].due) / 1000);
    return;
  }
  if (memmem(line, length, "\"connect\":{", 11)) { connected++; return; }
  static const char push[] = "{\"push\":{\"channel\":\"job:";
  if (length < sizeof push + 36 || memcmp(line, push, sizeof push - 1)) return;
  const char *job = line + sizeof push - 1;
  // Commands are carried out in order: the subscriptions come in the order of submissions. What a
  // subscription says of the job, nothing else will: a quick job has ended by then.
  int index = c->index + c->answers * options->connections;
  if (index < sent && !memcmp(job + 36, "\",\"subscribe\"", 13)) {
    memcpy(all[index].id, job, 36);
    c->answers++;
  }
  else if (!memmem(line, length, "\"event\":\"state\"", 15)) return;
  if (memmem(line, length, "\"state\":\"queued\"", 16)) return;
  struct submission *s = find(job, sent);
  if (!s) { unknown++; return; }
  if (!s->has_begun) {
    s->has_begun = 1;
    begun++;
    histogram_add(&first_event, (at - s->due) / 1000);
  }
  if (!s->has_ended && memmem(line, length, "\"state\":\"completed\"", 19)) {
    s->has_ended = 1;
    ended++;
    histogram_add(&end, (at - s->due) / 1000);
    char text[160];
    client_send(
      c, text,
      (size_t)snprintf(text, sizeof text, "{\"id\":1000000,\"unsubscribe\":{\"channel\":\"job:%.36s\"}}", job));
  } else if (memmem(line, length, "\"state\":\"failed\"", 16)) {
    fprintf(stderr, "load: a job failed: %.*s\n", (int)length, line);
    exit(3);
  }
}

static void message(struct client *c, const char *text, size_t length, uint64_t at) {
  for (const char *stop = text + length; text < stop;) {
    const char *feed = memchr(text, '\n', (size_t)(stop - text));
    size_t size = (size_t)((feed ? feed : stop) - text);
    line_read(c, text, size, at);
    text += size + 1;
  }
}

static void went(struct client *c) {
  (void)c;
  fprintf(stderr, "load: the connection was lost\n");
  exit(4);
}

static void submit(int index, uint64_t due) {
  all[index].due = due;
  sent = index + 1;
  char text[256];
  client_send(
    &connections[index % options->connections], text,
    (size_t)snprintf(
      text, sizeof text, "{\"id\":%d,\"rpc\":{\"method\":\"job.submit\",\"data\":{\"kind\":\"%s\",\"watch\":true}}}",
      10 + index, options->kind));
}

static void print(const char *what, const struct histogram *h, double server) {
  printf("label=%s phase=%s rate=%.0f count=%llu", options->label, what, options->rate, (unsigned long long)h->count);
  histogram_print(h, "");
  printf(" cpu_us=%.0f unknown=%d\n", server * 1e6 / options->count, unknown);
}

int submissions(const struct options *o) {
  options = o;
  all = calloc((size_t)o->count, sizeof *all);
  const struct client_events events = {
    .path = o->path, .port = o->port, .opened = opened, .message = message, .gone = went};
  clients_prepare(&events, o->connections);
  connections = calloc((size_t)o->connections, sizeof *connections);
  for (int i = 0; i < o->connections; i++) {
    connections[i].index = i;
    client_start(&connections[i]);
  }
  while (connected < o->connections) clients_turn(20);
  double before = processes_cpu(&o->server);
  uint64_t start = now();
  for (int i = 0; i < o->count; i++) {
    uint64_t due = start + (uint64_t)((double)i * 1e9 / o->rate);
    clients_turn_until(due);
    submit(i, due);
  }
  uint64_t limit = now() + 30000000000u;
  while (ended < o->count && now() < limit) clients_turn(20);
  double server = processes_cpu(&o->server) - before;
  print("accepted", &reply, server);
  print("first-event", &first_event, server);
  print("completed", &end, server);
  return ended == o->count ? 0 : 3;
}
