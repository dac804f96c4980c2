#include "histogram.h"

#include <stdio.h>
#include <string.h>

void histogram_clear(struct histogram *h) { memset(h, 0, sizeof *h); }

static int bucket(uint64_t us) {
  if (us < histogram_steps) return (int)us;
  int power = 63 - __builtin_clzll(us);
  int step = (int)(us >> (power - 6)) & (histogram_steps - 1);
  int at = (power - 5) * histogram_steps + step;
  return at < histogram_buckets ? at : histogram_buckets - 1;
}

// The upper end of a bucket.
static uint64_t microseconds(int at) {
  if (at < histogram_steps) return (uint64_t)at;
  int power = at / histogram_steps + 5, step = at % histogram_steps;
  return (1ull << power) + ((uint64_t)(step + 1) << (power - 6)) - 1;
}

void histogram_add(struct histogram *h, uint64_t us) {
  h->counts[bucket(us)]++;
  h->count++;
  if (us > h->longest) h->longest = us;
}

uint64_t histogram_percentile(const struct histogram *h, double part) {
  uint64_t wanted = (uint64_t)((double)h->count * part + 0.5), seen = 0;
  if (h->count == 0) return 0;
  if (wanted < 1) wanted = 1;
  for (int i = 0; i < histogram_buckets; i++) {
    seen += h->counts[i];
    if (seen < wanted) continue;
    uint64_t us = microseconds(i);
    return us < h->longest ? us : h->longest;
  }
  return h->longest;
}

void histogram_print(const struct histogram *h, const char *prefix) {
  static const struct { const char *name; double part; } columns[] = {
    {"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}};
  for (unsigned i = 0; i < sizeof columns / sizeof *columns; i++)
    printf(" %s%s=%.2f", prefix, columns[i].name, (double)histogram_percentile(h, columns[i].part) / 1000);
  printf(" %smax=%.2f", prefix, (double)h->longest / 1000);
}
