-- Give the record of a job that has just ended its lifetime, and let go of some that are over.
--
-- What Redis expired by itself leaves entries in the indexes; at most 16 are removed a call.
local function retire(id, user, lifetime)
  redis.call("PEXPIRE", JOBS .. id, lifetime)
  redis.call("PEXPIRE", PAYLOADS .. id, lifetime)
  redis.call("PEXPIRE", REPORTS .. id, lifetime)
  redis.call("PEXPIRE", LOGS .. id, lifetime)
  redis.call("ZADD", FINISHED, now + lifetime, id .. user)
  for _, over in ipairs(redis.call("ZRANGEBYSCORE", FINISHED, "-inf", now, "LIMIT", 0, 16)) do
    local old = string.sub(over, 1, 36)
    redis.call("ZREM", FINISHED, over)
    redis.call("ZREM", INDEX, old)
    redis.call("ZREM", USERS .. string.sub(over, 37), old)
    redis.call("DEL", JOBS .. old, PAYLOADS .. old, REPORTS .. old, RESULTS .. old, LOGS .. old)
  end
end
