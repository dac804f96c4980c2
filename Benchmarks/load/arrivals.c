#include "arrivals.h"

#include <stdlib.h>
#include <string.h>

static struct stream {
  uint32_t published; // the number of the last one
  uint64_t had;       // the sum of what watchers have, what was superseded included
  uint32_t *newest;   // of each watcher
} streams[arrivals_streams];

static int stream_count, watchers;
static struct arrivals taken;

void arrivals_prepare(int count, int watcher_count) {
  stream_count = count;
  watchers = watcher_count;
  memset(&taken, 0, sizeof taken);
  for (int i = 0; i < count; i++) {
    streams[i] = (struct stream){.newest = calloc((size_t)watcher_count, sizeof(uint32_t))};
    if (!streams[i].newest) exit(2);
  }
}

uint32_t arrivals_published(int stream) {
  taken.published++;
  return ++streams[stream].published;
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
  s->had += number - *newest;
  *newest = number;
}

uint32_t arrivals_under_way(int stream) {
  return streams[stream].published - (uint32_t)(streams[stream].had / (uint64_t)watchers);
}

struct arrivals arrivals_so_far(void) { return taken; }

void arrivals_forget(void) { memset(&taken, 0, sizeof taken); }

uint64_t arrivals_missing(void) {
  uint64_t missing = 0;
  for (int i = 0; i < stream_count; i++) missing += streams[i].published * (uint64_t)watchers - streams[i].had;
  return missing;
}
