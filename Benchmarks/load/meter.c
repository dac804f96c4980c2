#include "meter.h"

#include <unistd.h>

#include "clock.h"

struct meter meter_start(const struct options *o) {
  struct processes self = {.ids = {getpid()}, .count = 1};
  return (struct meter){
    .server = processes_cpu(&o->server), .others = processes_cpu(&o->others), .self = processes_cpu(&self),
    .began = now()};
}

struct meter meter_read(const struct meter *from, const struct options *o) {
  struct meter at = meter_start(o);
  return (struct meter){
    .server = at.server - from->server, .others = at.others - from->others, .self = at.self - from->self,
    .began = at.began - from->began};
}
