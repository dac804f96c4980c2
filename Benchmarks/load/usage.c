#include "usage.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct processes processes_parse(const char *text) {
  struct processes p = {.count = 0};
  while (*text && p.count < usage_most) {
    if (isdigit((unsigned char)*text)) p.ids[p.count++] = (int)strtol(text, (char **)&text, 10);
    else text++;
  }
  return p;
}

// stat counts in hundredths of a second; schedstat in nanoseconds.
static double cpu(int id) {
  char path[320];
  snprintf(path, sizeof path, "/proc/%d/task", id);
  DIR *folder = opendir(path);
  if (!folder) return 0;
  double seconds = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (!isdigit((unsigned char)entry->d_name[0])) continue;
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", id, entry->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    unsigned long long nanoseconds;
    if (fscanf(file, "%llu", &nanoseconds) == 1) seconds += (double)nanoseconds / 1e9;
    fclose(file);
  }
  closedir(folder);
  return seconds;
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
