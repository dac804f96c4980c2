#ifndef FANFARE_CHIREDIS_SHIM_H
#define FANFARE_CHIREDIS_SHIM_H
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#endif
