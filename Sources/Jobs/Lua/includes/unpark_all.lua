--- @include "includes/unpark"
-- After a window was raised or taken away: let in those who have room now, some users a call. True
-- when every user was looked at.
local function unpark_all(queue, after, limit)
  local users = redis.call("ZRANGEBYLEX", PARKED_USERS .. queue.name, after == "" and "-" or "(" .. after, "+",
    "LIMIT", 0, limit)
  local left = limit
  for _, user in ipairs(users) do
    local taken = tonumber(redis.call("HGET", ADMITTED .. queue.name, user) or 0)
    while left > 0 and (not queue.window or taken < queue.window) and unpark(queue, user) do
      taken, left = taken + 1, left - 1
    end
    if left == 0 then
      redis.call("HSET", WIDENED, queue.name, after)
      return false
    end
    after = user
  end
  if #users == limit then
    redis.call("HSET", WIDENED, queue.name, after)
    return false
  end
  redis.call("HDEL", WIDENED, queue.name)
  return true
end
