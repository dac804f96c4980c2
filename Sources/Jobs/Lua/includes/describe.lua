--- @include "includes/later"
--- @include "includes/queue"
--- @include "includes/record"
-- A job as it stands, for RedisRecord.swift: id, record, rank in its queue, whether its lease ran out,
-- what it reported, a long result, a long payload, and how often it may be tried. False where a part is
-- not there or not wanted.
local function describe(job, with_payload)
  local state, more = job.state, job.more
  local rank, overdue, progress = false, false, false
  if state == QUEUED then
    carry_out("ZADD", WAITING .. job.queue)
    rank = redis.call("ZRANK", WAITING .. job.queue, job.id)
  elseif state == RUNNING then
    local deadline = redis.call("ZSCORE", LEASES, job.id)
    overdue = (not deadline or tonumber(deadline) <= now) and 1
    progress = redis.call("GET", PROGRESS .. job.id)
  end
  return { job.id, job.bytes, rank, overdue, progress,
    more.rl and redis.call("GET", RESULTS .. job.id) or false,
    with_payload and not job.payload and redis.call("GET", PAYLOADS .. job.id) or false,
    more.m or queue_named(job.queue).attempts or 3 }
end
