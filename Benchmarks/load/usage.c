#include "usage.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct processes processes_parse(const char *text) {
  struct processes p = {.count = 0};
  while (*text && p.count < usage_most) {
    if (isdigit((unsigned char)*text)) p.ids[p.count++] = (int)strtol(text, (char **)&text, 10);
    else text++;
  }
  return p;
}

// The process's own clock has nanoseconds, and the time of threads that have ended as well.
static double cpu(int id) {
  clockid_t clock;
  struct timespec t;
  if (clock_getcpuclockid(id, &clock) || clock_gettime(clock, &t)) return 0;
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double processes_cpu(const struct processes *p) {
  double seconds = 0;
  for (int i = 0; i < p->count; i++) seconds += cpu(p->ids[i]);
  return seconds;
}

long processes_memory(const struct processes *p) {
  long kib = 0;
  for (int i = 0; i < p->count; i++) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", p->ids[i]);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    while (fgets(line, sizeof line, file))
      if (!strncmp(line, "VmRSS:", 6)) kib += atol(line + 6);
    fclose(file);
  }
  return kib;
}
