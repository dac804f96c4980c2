-- How many jobs of each queue and state a script ended: what follows for the queue is done once, at its end.
local ends = {}
