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
  more.r, more.rl, more.pm, more.rep = nil, nil, nil, nil
  if more.st then
    more.at = now
  else
    more.st = now
    tally(queue, "w" .. bucket(now - (more.du or more.wf or created_at(job))))
  end
  more.du, more.wf = nil, nil
  if more.eb then redis.call("ZADD", LIMITS, more.eb, job.id) elseif more.sb then redis.call("ZREM", LIMITS, job.id) end
  -- Never one that an undone history gave out: after a crash of Redis's machine the clock is ahead.
  more.v = math.max((more.v or 0) + 1, micros - BEGINNING * 1000)
  more.h = worker
  job.state, job.attempt = RUNNING, job.attempt + 1
  redis.call("ZADD", LEASES, deadline, job.id)
  redis.call("SADD", WORKER_JOBS .. worker, job.id)
  change(job)
end
