--- @include "includes/counts"
--- @include "includes/progress"
--- @include "includes/bucket"
--- @include "includes/wake"
-- Take a job out of its worker's hands, with what it reported; the caller says where to.
local function stop(job, queue)
  local more = job.more
  -- First of all a removal: a Redis without memory left lets a script that began so go on.
  redis.call("ZREM", LEASES, job.id)
  redis.call("SREM", WORKER_JOBS .. more.h, job.id)
  if read_progress(job) then redis.call("DEL", PROGRESS .. job.id) end
  count(queue, RUNNING, -1)
  tally(queue, "r" .. bucket(now - (more.at or more.st)))
  more.h, more.at, more.sl = nil, nil, nil
  if queue.concurrency and redis.call("EXISTS", WAITING .. queue.name) == 1 then wake(queue) end
end
