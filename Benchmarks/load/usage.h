// What processes have used, as the kernel counts it.
#pragma once

enum { usage_most = 32 };

struct processes {
  int ids[usage_most], count;
};

// Reads "12,34"; more than usage_most are left out.
struct processes processes_parse(const char *text);
// Seconds on a processor, of all threads, the kernel's part included; to the nanosecond.
double processes_cpu(const struct processes *p);
// Resident memory, in KiB.
long processes_memory(const struct processes *p);
