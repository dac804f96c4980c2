--- @include "includes/digits"
--- @include "includes/prune_queue"
-- Note that jobs of queues ended, and forget what is then beyond the bounds.
local function end_jobs()
  for name, states in pairs(ends) do
    local queue = queue_named(name)
    redis.call("HSET", queue.counters, "ended", digits(now))
    for state, count in pairs(states) do prune_queue(queue, state, 64 + count) end
  end
end
