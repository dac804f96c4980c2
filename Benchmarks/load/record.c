#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Numbers of jobs count microseconds from here, in milliseconds since 1970.
static const uint64_t beginning = 1735689600000u;

// The 16 bytes of an id as 22 digits of six bits.
static void key_write(char *key, const char *id) {
  static const char digits[] = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
  unsigned __int128 bits = 0;
  for (const char *c = id; *c; c++) {
    if (*c == '-') continue;
    bits = bits << 4 | (unsigned)(*c <= '9' ? *c - '0' : (*c | 32) - 'a' + 10);
  }
  for (int i = 0; i < 21; i++) key[i] = digits[(int)(bits >> (122 - 6 * i)) & 63];
  key[21] = digits[(int)(bits << 4) & 63];
  key[22] = 0;
}

static uint64_t member(const char *json, size_t length, const char *name) {
  const char *at = memmem(json, length, name, strlen(name));
  return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

int job_read(struct job *job, const char *json, size_t length) {
  static const char id[] = "\"id\":\"";
  if (length < sizeof id + 36 || memcmp(json, id, sizeof id - 1)) return 0;
  snprintf(job->id, sizeof job->id, "%.36s", json + sizeof id - 1);
  key_write(job->key, job->id);
  job->created = member(json, length, "\"created_at\":");
  job->offset = member(json, length, "\"offset\":");
  return job->created > beginning && job->offset > 0;
}

static char *put_number(char *at, uint64_t number) {
  *at++ = (char)0xCF;
  for (int shift = 56; shift >= 0; shift -= 8) *at++ = (char)(number >> shift);
  return at;
}

static char *put_text(char *at, const char *text, size_t length) {
  if (length < 32) *at++ = (char)(0xA0 | length);
  else {
    *at++ = (char)0xDA;
    *at++ = (char)(length >> 8);
    *at++ = (char)length;
  }
  memcpy(at, text, length);
  return at + length;
}

size_t record_pack(struct job *job, const char *user, const char *details, size_t length, char *into) {
  enum { number_false = 0xC2, array_of_15 = 0x9F, permille = 500 };
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  char *at = into;
  *at++ = (char)array_of_15;
  at = put_text(at, "p", 1);
  at = put_text(at, job->key, 22);
  at = put_text(at, user, strlen(user));
  at = put_number(at, ++job->offset);
  at = put_number(at, (job->created - beginning) * 1000);
  at = put_number(at, (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
  at = put_text(at, "a", 1); // running
  *at++ = 1;                 // the first attempt
  *at++ = 0;                 // neither stalled nor being cancelled
  at = put_number(at, permille);
  char report[5000];
  int head = snprintf(report, sizeof report, "0:0:%zu:", length);
  memcpy(report + head, details, length);
  at = put_text(at, report, (size_t)head + length);
  for (int i = 0; i < 4; i++) *at++ = (char)number_false; // outcome, began, ended, reason
  return (size_t)(at - into);
}
