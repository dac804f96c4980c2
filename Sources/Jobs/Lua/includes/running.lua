--- @include "includes/finish"
--- @include "includes/progress"
--- @include "includes/bucket"
-- A job's way into a worker's hands and out of them.

-- Under a new lease; keeps and tells it.
local function start(job, queue, worker, deadline)
  local more = job.more
  count(queue, "w" .. job.priority, -1)
  count(queue, RUNNING, 1)
  if queue.fair then
    fair_leave(job, queue)
    fair_advance(job, queue)
  end
  -- What the attempt before failed of is history now.
  if more.R then call("DEL", RESULTS .. job.id) end
  more.r, more.R, more.pm, more.rep = nil, nil, nil, nil
  if more.st then
    more.at = now
  else
    more.st = now
    tally(queue, "w" .. bucket(now - (more.du or created_at(job))))
  end
  more.du = nil
  if more.eb then call("ZADD", LIMITS, more.eb, job.id) elseif more.sb then call("ZREM", LIMITS, job.id) end
  -- Never one that an undone history gave out: after a crash of Redis's machine the clock is ahead.
  more.v = math.max((more.v or 0) + 1, micros - BEGINNING * 1000)
  more.h = worker
  job.state, job.attempt = RUNNING, job.attempt + 1
  call("ZADD", LEASES, deadline, job.id)
  call("SADD", WORKER_JOBS .. worker, job.id)
  change(job)
end

-- Out of its worker's hands, with what it reported; the caller says where to.
local function stop(job, queue)
  local more = job.more
  -- First of all a removal: a Redis without memory left lets a script that began so go on.
  call("ZREM", LEASES, job.id)
  call("SREM", WORKER_JOBS .. more.h, job.id)
  if read_progress(job) then call("DEL", PROGRESS .. job.id) end
  count(queue, RUNNING, -1)
  tally(queue, "r" .. bucket(now - (more.at or more.st)))
  more.h, more.at, more.sl = nil, nil, nil
  if queue.concurrency and call("EXISTS", WAITING .. queue.name) == 1 then wake(queue) end
end

-- Back to where it was, its token spent. What it had reported belongs to an attempt that does not count.
local function put_back(job, queue, reason)
  local more = job.more
  more.v, more.pm, more.rep = more.v + 1, nil, nil
  job.attempt = job.attempt - 1
  enter(job, queue)
  change(job, reason)
end

-- What a job that was told to stop, and is out of its worker's hands, comes to. `text` is the worker's
-- word, if it has one; it counts where nobody gave a reason.
local function finish_stopped(job, queue, text)
  local more = job.more
  if more.xe then
    finish(job, queue, FAILED, more.x)
  else
    finish(job, queue, CANCELLED, more.x == UNREASONED and text or more.x)
  end
end
