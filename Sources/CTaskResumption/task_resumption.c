// A continuation that is resumed goes to the global pool of threads first, whatever actor its task belongs to, and
// from there back to the actor: swift_continuation_init leaves the generic executor in the context. The runtime has a
// hook before that pool (swift/stdlib/public/Concurrency, GlobalExecutor.cpp, swift_task_enqueueGlobal_hook).
#include "task_resumption.h"

#include <stdbool.h>
#include <stddef.h>

#define SWIFT_CALL __attribute__((swiftcall))

typedef SWIFT_CALL void (*EnqueueGlobal)(void *job);
extern SWIFT_CALL void (*swift_task_enqueueGlobal_hook)(void *job, EnqueueGlobal original);

static FanfareTaskTaker taker;
static _Thread_local bool isResuming;

static SWIFT_CALL void enqueue(void *job, EnqueueGlobal original) {
  if (isResuming) {
    taker(job);
  } else {
    original(job);
  }
}

void FanfareTaskResumptionInstall(FanfareTaskTaker newTaker) {
  taker = newTaker;
  swift_task_enqueueGlobal_hook = enqueue;
}

void FanfareTaskResumptionBegin(void) { isResuming = true; }

void FanfareTaskResumptionEnd(void) { isResuming = false; }
