// The sanitizer sees a lock that nobody else wants: that is one atomic instruction in our own code. The rest are two
// functions of libswiftSynchronization (swift/stdlib/public/Synchronization/Mutex/LinuxImpl.swift), called as Swift calls.
#define _GNU_SOURCE
#include "visible_mutex.h"

#include <dlfcn.h>
#include <stdint.h>

#define SWIFT_CALL __attribute__((swiftcall))
#define SWIFT_SELF __attribute__((swift_context))
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

typedef SWIFT_CALL void (*Lock)(uint32_t thread, SWIFT_SELF void *mutex);
typedef SWIFT_CALL void (*Unlock)(SWIFT_SELF void *mutex);

// Of the sanitizer's runtime, which is in the program; absent in others that are started with this loaded.
__attribute__((weak)) extern void __tsan_acquire(void *address);
__attribute__((weak)) extern void __tsan_release(void *address);

static Lock original_lock;
static Unlock original_unlock;

__attribute__((constructor)) static void find_originals(void) {
  original_lock = (Lock)dlsym(RTLD_NEXT, LOCK);
  original_unlock = (Unlock)dlsym(RTLD_NEXT, UNLOCK);
}

SWIFT_CALL void lock(uint32_t thread, SWIFT_SELF void *mutex) __asm__(LOCK);
SWIFT_CALL void lock(uint32_t thread, SWIFT_SELF void *mutex) {
  original_lock(thread, mutex);
  if (__tsan_acquire) __tsan_acquire(mutex);
}

SWIFT_CALL void unlock(SWIFT_SELF void *mutex) __asm__(UNLOCK);
SWIFT_CALL void unlock(SWIFT_SELF void *mutex) {
  if (__tsan_release) __tsan_release(mutex);
  original_unlock(mutex);
}
