// What the measurements share: what was asked for, and its lines of figures.
#pragma once
#include <stddef.h>
#include "usage.h"

struct options {
  const char *label, *path, *token, *publish, *subscribe, *kind;
  int port, connections, at_once, jobs, count;
  double rate;
  size_t size;
  struct processes server, others;
  const char *phases[16];
  int phase_count;
};

// Watchers of one message source: connect, then each phase.
int fan_out(const struct options *o);
// Jobs submitted at a steady rate: how long until accepted, begun, ended.
int submissions(const struct options *o);
