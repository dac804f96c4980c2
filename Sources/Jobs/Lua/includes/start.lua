--- @include "includes/digits"
--- @include "includes/later"
--- @include "includes/counts"
--- @include "includes/fair"
--- @include "includes/change"
--- @include "includes/bucket"
-- Give a queued job into a worker's hands, under a new lease; keeps and tells it.
local function start(job, queue, worker, deadline)
  local more = job.more
  count(queue, "w" .. job.priority, -1)
  count(queue, RUNNING, 1)
  if queue.fair then fair("advance", job, queue) end
  -- What the attempt before failed of is history now.
  if more.rl then redis.call("DEL", RESULTS .. job.id) end
  if more.r or more.rl then more.r, more.rl = nil, nil end
  if more.pm or more.rep then more.pm, more.rep = nil, nil end
  if more.st then
    more.at = now
    if more.wf then more.wf = nil end
  else
    more.st = now
    -- Until it is sure that this was a start.
    if more.du and not more.wf then more.wf = more.du end
    tally(queue, "w" .. bucket(now - (more.wf or created_at(job))))
  end
  if more.du then more.du = nil end
  if more.eb then redis.call("ZADD", LIMITS, more.eb, job.id) elseif more.sb then redis.call("ZREM", LIMITS, job.id) end
  -- Never one that an undone history gave out: after a crash of Redis's machine the clock is ahead.
  more.v = math.max((more.v or 0) + 1, micros - BEGINNING * 1000)
  more.h = worker
  job.state, job.attempt = RUNNING, job.attempt + 1
  later("ZADD", LEASES, digits(deadline), job.id)
  later("SADD", WORKER_JOBS .. worker, job.id)
  change(job)
end
