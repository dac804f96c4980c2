#ifndef FANFARE_CWEBSOCKETS_SHIM_H
#define FANFARE_CWEBSOCKETS_SHIM_H
#include <libwebsockets.h>
#include <sys/socket.h>

/// LWS_PRE is a function-like macro, which Swift does not import.
enum { CWebSocketsPreamble = LWS_PRE };

/// Accepts without blocking and closed on exec, at once: between two calls a child process could
/// inherit the socket. The C library declares accept4 to GNU sources only, which Swift's are not.
extern int accept4(int, struct sockaddr *, socklen_t *, int);
static inline int CWebSocketsAccept(int listener, struct sockaddr *address, socklen_t *length) {
  return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/// Sends what the socket takes now; never waits, never raises SIGPIPE. Goes past the process's own `send`
/// (Transport/AnswerHook), which has nothing to do with what is ours.
static inline ssize_t CWebSocketsSend(int socket, const void *bytes, size_t count) {
  return sendto(socket, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0);
}

/// Nothing is sent after what was; what comes is still read.
static inline int CWebSocketsEndSending(int socket) { return shutdown(socket, SHUT_WR); }

/// What an extension is shown of a part of a frame: the bytes that came, and those to go on with in
/// their place. libwebsockets passes it to every extension, but declares it in a private header.
typedef struct {
  struct lws_tokens input;
  struct lws_tokens output;
} CWebSocketsPayload;
#endif
