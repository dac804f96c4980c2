// What a phase cost: processor time of the server, of what serves it, and of this program.
#pragma once
#include <stdint.h>
#include "load.h"

struct meter {
  uint64_t began;
  double server, others, self; // seconds
};

struct meter meter_start(const struct options *o);
// Since the start.
struct meter meter_read(const struct meter *from, const struct options *o);
