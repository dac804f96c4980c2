--- @include "includes/place"
--- @include "includes/change"
-- The windows of users: how many jobs of each are queued or run in a queue (ADMITTED), and who waits
-- for a place.

-- Let the first parked job of a user in; false when none is.
local function unpark(queue, user)
  local key = BLOCKED_JOBS .. queue.name .. " " .. user
  local first = call("ZPOPMIN", key)
  if call("EXISTS", key) == 0 then call("ZREM", PARKED_USERS .. queue.name, user) end
  local job = first[1] and read_job(first[1])
  if not job then return false end
  if queue.fair then fair_leave(job, queue) end
  count(queue, "b", -1)
  call("HINCRBY", ADMITTED .. queue.name, user, 1)
  enter(job, queue)
  change(job)
  return true
end

-- A job of the user neither waits nor runs any more: the next one may.
local function free_place(queue, user)
  local taken = call("HINCRBY", ADMITTED .. queue.name, user, -1)
  if taken <= 0 then call("HDEL", ADMITTED .. queue.name, user) end
  if queue.window and taken < queue.window then unpark(queue, user) end
end

-- After a window was raised or taken away: let in those who have room now, some users a call. True
-- when every user was looked at.
local function unpark_all(queue, after, limit)
  local users = call("ZRANGEBYLEX", PARKED_USERS .. queue.name, after == "" and "-" or "(" .. after, "+",
    "LIMIT", 0, limit)
  local left = limit
  for _, user in ipairs(users) do
    local taken = tonumber(call("HGET", ADMITTED .. queue.name, user) or 0)
    while left > 0 and (not queue.window or taken < queue.window) and unpark(queue, user) do
      taken, left = taken + 1, left - 1
    end
    if left == 0 then
      call("HSET", WIDENED, queue.name, after)
      return false
    end
    after = user
  end
  if #users == limit then
    call("HSET", WIDENED, queue.name, after)
    return false
  end
  call("HDEL", WIDENED, queue.name)
  return true
end
