// Time as the measurements take it: nanoseconds of CLOCK_MONOTONIC, which is one for all processes.
#pragma once
#include <stdint.h>
#include <time.h>

static inline uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
