--- @include "includes/counts"
--- @include "includes/wake"
-- Let a job wait until a moment: `state` is SCHEDULED or RETRYING.
local function postpone(job, queue, due, state)
  job.state, job.more.du = state, due
  redis.call("ZADD", DUE, due, job.id)
  count(queue, state, 1)
  -- Who waits must learn until when.
  wake(queue)
end
