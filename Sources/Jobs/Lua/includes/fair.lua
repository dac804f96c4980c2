-- Turns of users in a fair queue (start-time fair queueing). FAIR has, of each user with waiting jobs,
-- the tag of the last one accepted and how many there are; the queue's virtual time is the counter `v`.
--
-- `verb` is base (answers with that of a job which is accepted now), join and leave (a job waits, and
-- waits no more) or advance (it was taken: the queue's time is now its own).
local function fair(verb, job, queue)
  local bytes = verb ~= "advance" and redis.call("HGET", FAIR .. queue.name, job.user)
  local tag, jobs
  if bytes then tag, jobs = cmsgpack.unpack(bytes) end
  if verb == "base" then
    local time = tonumber(redis.call("HGET", queue.counters, "v") or 0)
    return HALF + math.max(time, tag and tag + TURN or 0)
  end
  local own = (job.more.b or HALF) - HALF
  if verb == "advance" then
    if own > tonumber(redis.call("HGET", queue.counters, "v") or 0) then
      redis.call("HSET", queue.counters, "v", own)
    end
  elseif verb == "join" then
    redis.call("HSET", FAIR .. queue.name, job.user,
      cmsgpack.pack(math.max(tag or own, own), (jobs or 0) + 1))
  elseif tag and jobs > 1 then
    redis.call("HSET", FAIR .. queue.name, job.user, cmsgpack.pack(tag, jobs - 1))
  elseif tag then
    redis.call("HDEL", FAIR .. queue.name, job.user)
  end
end
