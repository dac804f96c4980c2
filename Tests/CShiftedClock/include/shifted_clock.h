// Loaded into a process (LD_PRELOAD), it moves the time of day there by the microseconds that stand, as a
// 64-bit integer, in the file that SHIFTED_CLOCK names: a test lets hours pass without waiting. What only
// measures durations (CLOCK_MONOTONIC) goes on as it is.
