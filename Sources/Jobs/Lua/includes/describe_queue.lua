--- @include "includes/queue"
--- @include "includes/record"
-- A queue as it stands, for RedisQueue.swift: name, settings, counters, how many ended jobs are kept
-- (completed, failed, cancelled), and the sequence of the job that is next.
local function describe_queue(queue)
  local name, finished = queue.name, FINISHED
  local first = redis.call("ZRANGE", WAITING .. name, 0, 0)[1]
  local job = first and read_job(first)
  return { name, redis.call("HGET", QUEUES, name), redis.call("HGETALL", COUNTERS .. name),
    redis.call("ZCARD", finished .. "c:" .. name), redis.call("ZCARD", finished .. "f:" .. name),
    redis.call("ZCARD", finished .. "x:" .. name), job and job.sequence or false }
end
