#include "jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

// A connection carries out one command at a time.
enum { most_submitters = 16, patience_s = 120 };

static const struct options *options;
static struct client submitters[most_submitters];
static int first, wanted, submitter_count, sent, accepted;
static struct job *jobs;

void jobs_prepare(const struct options *o, int first_index, int count) {
  options = o;
  first = first_index;
  wanted = count;
  submitter_count = count < most_submitters ? count : most_submitters;
  jobs = calloc((size_t)count, sizeof *jobs);
  if (!jobs) exit(2);
}

int jobs_is_submitter(const struct client *c) { return c >= submitters && c < submitters + most_submitters; }

static void submit_next(struct client *c) {
  if (sent == wanted) return;
  char text[1024];
  int has_worker = options->publish && !strncmp(options->publish, "reports:", 8);
  // A job whose progress we make up stays out of the queue: its watchers would be told its place as well.
  int length = snprintf(
    text, sizeof text,
    "{\"id\":%d,\"rpc\":{\"method\":\"job.submit\",\"data\":{"
    "\"kind\":\"%s\",\"payload\":{\"pipe\":\"%s/pipe.%d\"}%s}}}",
    sent + 2, options->kind, has_worker ? options->publish + 8 : "", sent, has_worker ? "" : ",\"delay\":86400");
  sent++;
  client_send(c, text, (size_t)length);
}

void jobs_opened(struct client *c) {
  char text[4096];
  int length = snprintf(text, sizeof text, "{\"id\":1,\"connect\":{\"token\":\"%s\"}}", options->token);
  client_send(c, text, (size_t)length);
}

static void line_read(struct client *c, const char *line, size_t length) {
  if (memmem(line, length, "\"error\":{\"code\"", 15)) {
    fprintf(stderr, "load: refused: %.*s\n", (int)length, line);
    exit(3);
  }
  if (memmem(line, length, "\"connect\":{", 11)) return submit_next(c);
  const char *record = memmem(line, length, "\"job\":{", 7);
  int id;
  if (!record || sscanf(line, "{\"id\":%d,\"rpc\"", &id) != 1 || id < 2 || id >= wanted + 2) return;
  record += 7;
  if (!job_read(&jobs[id - 2], record, (size_t)(line + length - record))) {
    fprintf(stderr, "load: not a record: %.*s\n", (int)length, line);
    exit(3);
  }
  accepted++;
  submit_next(c);
}

void jobs_message(struct client *c, const char *text, size_t length) {
  const char *end = text + length;
  while (text < end) {
    const char *line_end = memchr(text, '\n', (size_t)(end - text));
    if (!line_end) line_end = end;
    line_read(c, text, (size_t)(line_end - text));
    text = line_end + 1;
  }
}

int jobs_greeting(
  char *into, size_t size, const struct options *o, const struct job *of, int count, const char *also
) {
  int n = snprintf(into, size, "{\"id\":1,\"connect\":{\"token\":\"%s\"}}", o->token);
  for (int i = 0; i < count && (size_t)n < size; i++)
    n += snprintf(
      into + n, size - (size_t)n, "\n{\"id\":%d,\"subscribe\":{\"channel\":\"job:%s\"}}", i + 2, of[i].id);
  if (also && (size_t)n < size)
    n += snprintf(
      into + n, size - (size_t)n, "\n{\"id\":%d,\"subscribe\":{\"channel\":\"%s\"}}", count + 2, also);
  if ((size_t)n >= size) {
    fprintf(stderr, "load: %d jobs are too many for a greeting\n", count);
    exit(2);
  }
  return n;
}

struct job *jobs_submit(void) {
  for (int i = 0; i < submitter_count; i++) {
    submitters[i].index = first + i;
    client_start(&submitters[i]);
  }
  uint64_t limit = now() + patience_s * 1000000000ull;
  while (accepted < wanted && now() < limit) clients_turn(20);
  if (accepted < wanted) {
    fprintf(stderr, "load: %d of %d jobs were accepted\n", accepted, wanted);
    return NULL;
  }
  return jobs;
}
