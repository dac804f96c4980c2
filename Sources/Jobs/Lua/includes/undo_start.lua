--- @include "includes/digits"
--- @include "includes/counts"
--- @include "includes/bucket"
--- @include "includes/limit_of"
--- @include "includes/record"
-- Make a running job one that was never started: its wait goes on from where it began, and so does its start limit.
local function undo_start(job, queue)
  local more = job.more
  more.wf = more.wf or created_at(job)
  local key = MINUTES .. queue.name .. ":" .. digits(math.floor(more.st / 60000))
  local field = "w" .. bucket(more.st - more.wf)
  -- Of a minute that is remembered; nothing is left of a wait that was the only one.
  if redis.call("HEXISTS", key, field) == 1 and redis.call("HINCRBY", key, field, "-1") < 1 then
    redis.call("HDEL", key, field)
  end
  more.st = nil
  if more.sb then redis.call("ZADD", LIMITS, digits(limit_of(job)), job.id) end
end
