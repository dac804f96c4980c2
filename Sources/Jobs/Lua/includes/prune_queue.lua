--- @include "includes/digits"
--- @include "includes/forget_all"
-- Forget what of a queue's ended jobs is beyond the bounds, at most `limit` by each; how many went.
local function prune_queue(queue, state, limit)
  local key = FINISHED .. state .. ":" .. queue.name
  local rule = queue.keep and queue.keep[state]
  -- Where the queue says nothing: a day, and a week for what failed.
  local age, most, gone = rule and rule[1] or state == FAILED and 604800000 or 86400000, rule and rule[2], 0
  local old = redis.call("ZRANGEBYSCORE", key, "-inf", digits(micros - age * 1000), "LIMIT", "0", digits(limit))
  if old[1] then gone = forget_all(key, old) end
  local beyond = most and math.min(redis.call("ZCARD", key) - most, limit) or 0
  if beyond > 0 then gone = gone + forget_all(key, redis.call("ZRANGE", key, 0, beyond - 1)) end
  return gone
end
