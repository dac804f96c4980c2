// Loaded into a program that was built with the thread sanitizer (LD_PRELOAD), it tells the sanitizer of what
// Synchronization.Mutex does where two threads want it at once. The standard library then asks the kernel for the
// lock, in code that the sanitizer does not see, and all that a mutex guards is reported as a race.
