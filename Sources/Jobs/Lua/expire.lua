--[[
  Fail the jobs that passed a limit of their time; those that run are told to stop.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] the most jobs
  Touches: every family of keys
  Answers: their ids
  Emits:   state failed, or state running with reason cancelling; a directive to the worker
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/finish"
--- @include "includes/progress"
--- @include "includes/withdraw"
--- @include "includes/limit_of"
--- @include "includes/write_counts"

local expired = {}
for _, id in ipairs(redis.call("ZRANGEBYSCORE", LIMITS, "-inf", now, "LIMIT", 0, ARGV[1])) do
  redis.call("ZREM", LIMITS, id)
  local job = read_job(id)
  local limit = job and limit_of(job)
  if limit and limit > now then
    -- It has begun since, or runs again: its next limit is another.
    redis.call("ZADD", LIMITS, limit, id)
  elseif limit then
    local queue, more = queue_named(job.queue), job.more
    if job.state ~= RUNNING then
      withdraw(job, queue)
      finish(job, queue, FAILED, limit_failure(job))
      expired[#expired + 1] = id
    else
      more.x, more.xe = TOTAL_TIMEOUT, true
      read_progress(job)
      change(job, "cancelling")
      redis.call("PUBLISH", DIRECTIVES .. more.h, "C " .. id)
      expired[#expired + 1] = id
    end
  end
end
write_counts()
return expired
