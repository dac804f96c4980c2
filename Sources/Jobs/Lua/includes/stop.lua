--- @include "includes/counts"
--- @include "includes/progress"
--- @include "includes/bucket"
--- @include "includes/later"
--- @include "includes/wake"
-- Take a job out of its worker's hands, with what it reported; the caller says where to. `is_undone`: it was not
-- run at all, and where this was its first start, it was not started either.
local function stop(job, queue, is_undone)
  local more = job.more
  later("ZREM", LEASES, job.id)
  later("SREM", WORKER_JOBS .. more.h, job.id)
  if read_progress(job) then
    redis.call("DEL", PROGRESS .. job.id)
    reports[job.id] = false
  end
  count(queue, RUNNING, -1)
  if not is_undone then
    tally(queue, "r" .. bucket(now - (more.at or more.st)))
  elseif not more.at then
    --- @include "includes/undo_start"
    undo_start(job, queue)
  end
  more.h = nil
  if more.at then more.at = nil end
  if more.wf and more.st then more.wf = nil end
  if more.sl then more.sl = nil end
  if not queue.concurrency then return end
  carry_out("ZADD", WAITING .. queue.name)
  if redis.call("EXISTS", WAITING .. queue.name) == 1 then wake(queue) end
end
