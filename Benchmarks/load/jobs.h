// Jobs submitted on sockets of their own, before anything is measured.
#pragma once
#include "load.h"
#include "record.h"
#include "websocket.h"

// For the sockets that submit; `first` of them is the lowest index they have.
void jobs_prepare(const struct options *o, int first, int count);
int jobs_is_submitter(const struct client *c);
void jobs_opened(struct client *c);
void jobs_message(struct client *c, const char *text, size_t length);
// What a socket says first: its token, and that it watches these jobs, and `also`, unless that is NULL. Returns its
// length.
int jobs_greeting(
  char *into, size_t size, const struct options *o, const struct job *jobs, int count, const char *also);
// Submits and waits; NULL where that failed.
struct job *jobs_submit(void);
