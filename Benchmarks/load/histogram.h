// A distribution of times, in buckets of 1/64 of their power of two: a percentile is at most 1.6 % high.
#pragma once
#include <stdint.h>

enum { histogram_steps = 64, histogram_buckets = 40 * histogram_steps };

struct histogram {
  uint64_t counts[histogram_buckets];
  uint64_t count, longest; // longest in microseconds
};

void histogram_clear(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t microseconds);
// Microseconds below which `part` (0…1) of the times are; 0 of none.
uint64_t histogram_percentile(const struct histogram *h, double part);
// "p50=… p90=… p99=… p999=… max=…", in milliseconds, to standard output, each name behind `prefix`.
void histogram_print(const struct histogram *h, const char *prefix);
