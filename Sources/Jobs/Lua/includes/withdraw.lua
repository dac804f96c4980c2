--- @include "includes/later"
--- @include "includes/counts"
--- @include "includes/parked_key"
-- Take a job out of wherever it waits. Answers whether it held a place in its user's window, which the
-- caller then frees.
local function withdraw(job, queue)
  local state = job.state
  if state == QUEUED then
    carry_out("ZADD", WAITING .. queue.name)
    redis.call("ZREM", WAITING .. queue.name, job.id)
    count(queue, "w" .. job.priority, -1)
    return true
  end
  count(queue, state, -1)
  if state ~= BLOCKED then
    redis.call("ZREM", DUE, job.id)
  elseif job.more.pa then
    redis.call("ZREM", BLOCKED_JOBS .. queue.name, job.id)
  else
    redis.call("ZREM", parked_key(job), job.id)
    if redis.call("EXISTS", parked_key(job)) == 0 then redis.call("ZREM", PARKED_USERS .. queue.name, job.user) end
  end
  return false
end
