-- Queue the retries that are due, at most 50 a call, each to the front of its priority.
local function promote()
  for _, id in ipairs(redis.call("ZRANGEBYSCORE", RETRIES, "-inf", now, "LIMIT", 0, 50)) do
    redis.call("ZREM", RETRIES, id)
    local state, queue, user, priority, sequence, offset, epoch, attempt =
      unpack(redis.call("HMGET", JOBS .. id, "s", "q", "u", "p", "sq", "e", "ep", "a"))
    if state == RETRYING then
      offset = offset + 1
      redis.call("HSET", JOBS .. id, "s", QUEUED, "e", offset, "t", now)
      requeue(id, queue, priority, sequence)
      emit(id, user, "s w " .. offset .. " " .. attempt .. " " .. now .. " -1 0 " .. epoch,
        "due", "", "", "")
    end
  end
end
