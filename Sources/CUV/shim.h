#ifndef FANFARE_CUV_SHIM_H
#define FANFARE_CUV_SHIM_H
#include <uv.h>
#endif
