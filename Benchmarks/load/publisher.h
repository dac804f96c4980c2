// Where messages come from: a job's worker, whose program reads our pipe, or a server's own way.
#pragma once
#include <stddef.h>

enum { publisher_slots = 8 };

// "jobs:FOLDER": a pipe for each slot, FOLDER/pipe.N, of which each line is a report of a worker.
// "redis:PORT": PUBLISH on the channel "jobs". "http:PORT/PATH": POST, one connection a slot.
// `size` is the least a message has in bytes, made up for with padding.
void publisher_open(const char *where, size_t size);
// Publishes one message that holds "ts":<now> and "of":<slot>.
void publisher_send(int slot);
// Lets go: programs at the other end of a pipe read its end.
void publisher_close(void);
