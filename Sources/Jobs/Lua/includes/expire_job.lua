--- @include "includes/counts"
--- @include "includes/finish"
--- @include "includes/limit_of"
-- Fail a job that passed a limit of its time, and was just taken out of its queue.
local function expire_job(job, queue)
  count(queue, "w" .. job.priority, -1)
  finish(job, queue, FAILED, limit_failure(job))
end
