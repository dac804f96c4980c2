-- Turns of users in a fair queue (start-time fair queueing). FAIR has, of each user, the tag that the user's
-- next job gets at the earliest: a turn behind that of the last one, whether that waits yet or not. The
-- queue's virtual time, the highest tag that was taken, is the counter `v`. A tag at or behind it says nothing
-- any more: of these two are dropped for each job that is taken.
--
-- `verb` is turn (a job is accepted, or runs again: answers with its base), leave (a job goes that had no turn:
-- it is given back) or advance (it was taken: the queue's time is now its own).
local function fair(verb, job, queue)
  local key, time = FAIR .. queue.name, tonumber(redis.call("HGET", queue.counters, "v") or 0)
  if verb == "advance" then
    local own = (job.more.b or HALF + job.sequence) - HALF
    if own <= time then return end
    redis.call("HSET", queue.counters, "v", own)
    local behind = redis.call("ZRANGEBYSCORE", key, "-inf", own, "LIMIT", 0, 2)
    if behind[1] then redis.call("ZREM", key, unpack(behind)) end
    return
  end
  local next = tonumber(redis.call("ZSCORE", key, job.user) or 0)
  if verb == "turn" then
    local tag = math.max(time, next)
    redis.call("ZADD", key, tag + TURN, job.user)
    return HALF + tag
  elseif next - TURN > time then
    redis.call("ZADD", key, next - TURN, job.user)
  elseif next > 0 then
    redis.call("ZREM", key, job.user)
  end
end
