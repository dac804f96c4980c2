-- The queues in which a script let a worker look: once is enough.
local woken = {}
