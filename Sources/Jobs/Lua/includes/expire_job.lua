--- @include "includes/counts"
--- @include "includes/finish"
-- Fail a job that passed a limit of its time, and was just taken out of its queue.
local function expire_job(job, queue)
  local more = job.more
  count(queue, "w" .. job.priority, -1)
  finish(job, queue, FAILED,
    not more.st and more.sb and more.sb <= now and NOT_STARTED_IN_TIME or TOTAL_TIMEOUT)
end
