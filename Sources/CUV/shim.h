#ifndef FANFARE_CUV_SHIM_H
#define FANFARE_CUV_SHIM_H
#include <sys/epoll.h>
#include <uv.h>
#endif
