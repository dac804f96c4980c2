// What Fanfare uses of zlib: files compressed as gzip has them, and messages of permessage-deflate.
#ifndef CZLIB_SHIM_H
#define CZLIB_SHIM_H
#include <zlib.h>
#endif
