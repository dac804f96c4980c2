--- @include "includes/counter"
-- Whether a worker would be given a job of the queue now.
local function offers(name)
  if redis.call("EXISTS", WAITING .. name) == 0 then return false end
  local queue = queue_named(name)
  return (queue.mode == "a" or queue.mode == "D")
    and (not queue.concurrency or counter(queue, RUNNING) < queue.concurrency)
end
