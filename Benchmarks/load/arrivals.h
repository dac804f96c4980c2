// Who has which message: streams of numbered messages, and watchers that see each stream in order.
#pragma once
#include <stdint.h>

enum { arrivals_streams = 8 };

void arrivals_prepare(int streams, int watchers);
// A message of the stream was published; returns its number, from 1.
uint32_t arrivals_published(int stream);
// A watcher got message `number`. Those before it that it did not get are told as superseded: a server that
// merges progress leaves them out, and they will not come.
void arrivals_got(int stream, int watcher, uint32_t number);
// How many messages of the stream watchers wait for yet, on the average.
uint32_t arrivals_under_way(int stream);

struct arrivals { uint64_t published, delivered, superseded; };
// Since the last time it was forgotten, all streams together.
struct arrivals arrivals_so_far(void);
void arrivals_forget(void);
// How many deliveries somebody waits for yet.
uint64_t arrivals_missing(void);
