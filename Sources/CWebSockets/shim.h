#ifndef FANFARE_CWEBSOCKETS_SHIM_H
#define FANFARE_CWEBSOCKETS_SHIM_H
#include <libwebsockets.h>

/// LWS_PRE is a function-like macro, which Swift does not import.
enum { CWebSocketsPreamble = LWS_PRE };
#endif
