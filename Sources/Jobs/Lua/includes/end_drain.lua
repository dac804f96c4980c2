--- @include "includes/counter"
--- @include "includes/waiting"
--- @include "includes/keep_queue"
-- What a queue that is drained becomes when nothing is left to wait for.
local function end_drain(queue)
  if (queue.mode == "d" and counter(queue, "a") == 0)
    or (queue.mode == "D" and counter(queue, "a") == 0 and waiting(queue) == 0) then
    queue.mode, queue.since, queue.updated = "p", now, now
    keep_queue(queue)
  end
end
