--- @include "includes/queue"
-- Write what was set of a queue, and that it exists.
local function keep_queue(queue)
  local name, counters = queue.name, queue.counters
  queue.name, queue.is_new, queue.counters = nil, nil, nil
  redis.call("HSET", QUEUES, name, cmsgpack.pack(queue))
  queue.name, queue.is_new, queue.counters = name, false, counters
end
