// Progress of a job as the broker's Redis form has it (Sources/Jobs/Lua/includes/publish_job.lua writes it,
// RedisRecord.swift reads it), so that a gateway can be given events without a worker.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct job {
  char id[37], key[23]; // as clients write it, and as Redis does
  uint64_t created;     // milliseconds
  uint64_t offset;      // of its last event
};

// Reads a record's JSON where its "id" begins; 0 where it is none.
int job_read(struct job *job, const char *json, size_t length);
// Packs the job's next event, with these details; returns its length.
size_t record_pack(struct job *job, const char *user, const char *details, size_t length, char *into);
