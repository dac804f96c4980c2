--- @include "includes/counts"
--- @include "includes/score"
-- Let a job wait until those it depends on have ended.
local function block(job, queue)
  job.state = BLOCKED
  redis.call("ZADD", BLOCKED_JOBS .. queue.name, score(job), job.id)
  count(queue, "b", 1)
end
