// Where messages come from: a job's worker, whose program reads our pipe, or a server's own way.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "load.h"
#include "record.h"

// By `publish`, each a way to say where:
//   reports:FOLDER     a pipe for each job, FOLDER/pipe.N, of which each line is a report of a worker
//   records:PORT/USER  PUBLISH into each job's channel, what the broker's scripts would
//   redis:PORT/CHANNEL PUBLISH
//   nats:PORT          PUB on the subject "jobs"
//   http:PORT/PATH     POST, with the header and the body of the options, over eight connections by turns
// `size` is the least a message has in bytes, made up for with padding. Jobs are those of reports and records.
void publisher_open(const struct options *o, struct job *jobs);
// Publishes one message that holds "ts":<now>,"of":<stream>,"n":<number>.
void publisher_send(int stream, uint32_t number);
// Lets go: programs at the other end of a pipe read its end.
void publisher_close(void);
