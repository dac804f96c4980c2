--- @include "includes/admit"
--- @include "includes/enter"
--- @include "includes/change"
-- Let the first parked job of a user in; false when none is.
local function unpark(queue, user)
  local key = BLOCKED_JOBS .. queue.name .. " " .. user
  local first = redis.call("ZPOPMIN", key)
  if redis.call("EXISTS", key) == 0 then redis.call("ZREM", PARKED_USERS .. queue.name, user) end
  local job = first[1] and read_job(first[1])
  if not job then return false end
  count(queue, "b", -1)
  admit(queue, user, 1)
  enter(job, queue)
  change(job)
  return true
end
