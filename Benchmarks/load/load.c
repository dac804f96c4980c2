// The load generator of the benchmarks: one thread, thousands of WebSocket clients.
//
//   load fan-out  --port P --connections N [--token T] --publish … --do fixed:20:4 --do closed:3 --do idle:2
//   load channels --port P --connections N --each 100 --beside 1000 --token T --publish records:… --do fixed:2000:4
//   load subscribers --port REDIS --gateways 10 --count 10000 --do publish:3
//   load stall    --port P --connections 20 --rate 1000 --seconds 40 --pause 30 --token T --publish records:…
//   … --sip 1024: it reads so many bytes a second meanwhile
//   load restart  --port P --connections 10000 --seconds 40 --token T
//   load submit   --port P --token T --rate 100 --count 1000 --kind noop
//   load polls    --port P --callers FILE --rate 1 --seconds 15 --do quiet --do polls
//
// Each measurement is one line of name=value to standard output; times are milliseconds unless the
// name says otherwise.
#include "load.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(void) {
  fprintf(
    stderr,
    "usage: load fan-out|channels|subscribers|stall|restart|submit|polls --port P [options]: see Benchmarks/README.md\n");
  return 2;
}

int main(int argc, char **argv) {
  static const struct option names[] = {
    {"label", 1, 0, 'l'}, {"port", 1, 0, 'p'}, {"path", 1, 0, 'u'}, {"token", 1, 0, 't'}, {"publish", 1, 0, 'b'},
    {"subscribe", 1, 0, 's'}, {"kind", 1, 0, 'k'}, {"connections", 1, 0, 'n'}, {"at-once", 1, 0, 'c'},
    {"jobs", 1, 0, 'j'}, {"count", 1, 0, 'x'}, {"rate", 1, 0, 'r'}, {"size", 1, 0, 'z'}, {"server", 1, 0, 'i'},
    {"others", 1, 0, 'a'}, {"do", 1, 0, 'd'}, {"subprotocol", 1, 0, 'o'}, {"greeting", 1, 0, 'g'}, {"ready", 1, 0, 'e'},
    {"window", 1, 0, 'w'}, {"header", 1, 0, 'h'}, {"body", 1, 0, 'y'}, {"each", 1, 0, 'E'},
    {"beside", 1, 0, 'B'}, {"gateways", 1, 0, 'G'}, {"seconds", 1, 0, 'S'}, {"pause", 1, 0, 'P'},
    {"sip", 1, 0, 'I'}, {"turns", 1, 0, 'T'}, {"turn", 1, 0, 'U'},
    {"callers", 1, 0, 'C'}, {0, 0, 0, 0}};
  struct options o = {
    .label = "server", .path = "/connection/websocket", .kind = "bench", .connections = 1, .at_once = 100,
    .count = 1000, .rate = 100, .size = 120, .window = 8, .each = 1, .gateways = 1,
    .seconds = 20, .pause = 10, .turns = 1};
  if (argc < 2) return usage();
  for (int c; (c = getopt_long(argc - 1, argv + 1, "", names, 0)) != -1;) switch (c) {
    case 'l': o.label = optarg; break;
    case 'p': o.port = atoi(optarg); break;
    case 'u': o.path = optarg; break;
    case 't': o.token = optarg; break;
    case 'b': o.publish = optarg; break;
    case 's': o.subscribe = optarg; break;
    case 'k': o.kind = optarg; break;
    case 'n': o.connections = atoi(optarg); break;
    case 'c': o.at_once = atoi(optarg); break;
    case 'j': o.jobs = atoi(optarg); break;
    case 'x': o.count = atoi(optarg); break;
    case 'r': o.rate = atof(optarg); break;
    case 'z': o.size = (size_t)atol(optarg); break;
    case 'i': o.server = processes_parse(optarg); break;
    case 'a': o.others = processes_parse(optarg); break;
    case 'd': if (o.phase_count < 16) o.phases[o.phase_count++] = optarg; break;
    case 'o': o.subprotocol = optarg; break;
    case 'g': o.greeting = optarg; break;
    case 'e': o.ready = optarg; break;
    case 'w': o.window = atoi(optarg); break;
    case 'h': o.header = optarg; break;
    case 'y': o.body = optarg; break;
    case 'E': o.each = atoi(optarg); break;
    case 'B': o.beside = atoi(optarg); break;
    case 'G': o.gateways = atoi(optarg); break;
    case 'S': o.seconds = atof(optarg); break;
    case 'P': o.pause = atof(optarg); break;
    case 'I': o.sip = atoi(optarg); break;
    case 'T': o.turns = atoi(optarg); break;
    case 'U': o.turn = atoi(optarg); break;
    case 'C': o.callers = optarg; break;
    default: return usage();
  }
  if (!o.port || o.connections < 1 || o.at_once < 1 || o.window < 1) return usage();
  if (o.turns < 1 || o.count < 1 || o.rate <= 0 || o.each < 1 || o.beside < 0 || o.sip < 0) return usage();
  // A figure of zero would look like one.
  if (processes_memory(&o.server) == 0) {
    fprintf(stderr, "load: --server names no process that runs\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  if (!strcmp(argv[1], "fan-out")) return fan_out(&o);
  if (!strcmp(argv[1], "channels")) return channels(&o);
  if (!strcmp(argv[1], "subscribers")) return subscribers(&o);
  if (!strcmp(argv[1], "stall")) return stall(&o);
  if (!strcmp(argv[1], "restart")) return restart(&o);
  if (!strcmp(argv[1], "submit")) return submissions(&o);
  if (!strcmp(argv[1], "polls")) return polls(&o);
  return usage();
}
