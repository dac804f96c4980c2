#ifndef FANFARE_TASK_RESUMPTION_H
#define FANFARE_TASK_RESUMPTION_H

/// Takes a task that is ready to go on, as the concurrency runtime names it: an `UnownedJob`.
typedef void (*FanfareTaskTaker)(void *_Nonnull job);

/// From now on tasks that are resumed between begin and end go to `taker`; all others go where they went. Once a
/// process.
void FanfareTaskResumptionInstall(FanfareTaskTaker _Nonnull taker);

/// Everything this thread resumes until end goes to the taker.
void FanfareTaskResumptionBegin(void);
void FanfareTaskResumptionEnd(void);

#endif
