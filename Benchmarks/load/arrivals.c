#include "arrivals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The most messages of a stream that may be under way.
enum { ring = 1 << 16 };

static struct stream {
  uint32_t published, complete; // numbers: of the last one, and of the last one that all have
  uint32_t *newest;             // of each watcher
  int *reached;                 // by number: how many watchers have it or a newer one
} streams[arrivals_streams];

static int stream_count, watchers;
static struct arrivals taken;
static uint64_t missing;

void arrivals_prepare(int count, int watcher_count) {
  stream_count = count;
  watchers = watcher_count;
  memset(&taken, 0, sizeof taken);
  for (int i = 0; i < count; i++) {
    streams[i] = (struct stream){
      .newest = calloc((size_t)watcher_count, sizeof(uint32_t)), .reached = calloc(ring, sizeof(int))};
    if (!streams[i].newest || !streams[i].reached) exit(2);
  }
}

uint32_t arrivals_published(int stream) {
  struct stream *s = &streams[stream];
  if (s->published - s->complete >= ring - 1) {
    fprintf(stderr, "load: %d messages are under way: the server does not keep up\n", ring);
    exit(3);
  }
  taken.published++;
  missing += (uint64_t)watchers;
  s->reached[++s->published % ring] = 0;
  return s->published;
}

void arrivals_got(int stream, int watcher, uint32_t number) {
  if (stream < 0 || stream >= stream_count) return;
  struct stream *s = &streams[stream];
  uint32_t *newest = &s->newest[watcher];
  taken.delivered++;
  if (number <= *newest) {
    // It had been taken for superseded.
    if (taken.superseded) taken.superseded--;
    return;
  }
  taken.superseded += number - *newest - 1;
  missing -= number - *newest;
  for (uint32_t n = *newest + 1; n <= number; n++) s->reached[n % ring]++;
  *newest = number;
  while (s->complete < s->published && s->reached[(s->complete + 1) % ring] == watchers) s->complete++;
}

uint32_t arrivals_under_way(int stream) { return streams[stream].published - streams[stream].complete; }

struct arrivals arrivals_so_far(void) { return taken; }

void arrivals_forget(void) { memset(&taken, 0, sizeof taken); }

uint64_t arrivals_missing(void) { return missing; }
