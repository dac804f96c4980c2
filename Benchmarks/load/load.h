// What the measurements share: what was asked for, and its lines of figures.
#pragma once
#include <stddef.h>
#include "usage.h"

struct options {
  const char *label, *path, *subprotocol, *token, *publish, *subscribe, *greeting, *ready, *kind;
  // Of what is published by HTTP: a header, and the body, in which %s is the message.
  const char *header, *body;
  // `window`: messages of one stream under way at a time in a closed loop. `each`: jobs that a socket watches, or
  // gateways that watch a job; `beside`: jobs that none does.
  int port, connections, at_once, jobs, window, count, each, beside, gateways;
  // Of so many loads by turns this is the one with that number.
  int turns, turn;
  // A file with a line for each caller: the path that it polls and, where one is needed, its token.
  const char *callers;
  double rate, seconds, pause; // `pause`: seconds that a reader stands still …
  int sip; // … or reads so many bytes a second
  size_t size;
  struct processes server, others;
  const char *phases[16];
  int phase_count;
};

// Watchers of one message source: connect, then each phase.
int fan_out(const struct options *o);
// Many jobs with one watcher each, beside others.
int channels(const struct options *o);
// Gateways' subscriptions on a Redis, without the gateways.
int subscribers(const struct options *o);
// One watcher that stops reading for a while, and what the others and the server's memory have of it.
int stall(const struct options *o);
// Sockets that come back, by the second, while their server is restarted.
int restart(const struct options *o);
// Jobs submitted at a steady rate: how long until accepted, begun, ended.
int submissions(const struct options *o);
// Callers that ask for their job's state again and again, each on a connection that is kept.
int polls(const struct options *o);
