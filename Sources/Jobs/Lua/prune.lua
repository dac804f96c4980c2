--[[
  Forget jobs and groups that were kept long enough, and workers that have been lost for long.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] the most of each kind    ARGV[2] how long a lost worker is listed, ms
  Touches: QUEUES DELETED_QUEUES COUNTERS FAIR FINISHED WORKERS WORKERS_SEEN WORKERS_WANTED GROUPS GROUP_JOBS
           GROUP_CALLBACKS GROUP_INDEX GROUP_ENDS, and what forget touches
  Answers: how many jobs went
  Emits:   nothing
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/queue"
--- @include "includes/record"
--- @include "includes/prune_queue"
--- @include "includes/waiting"

local left = tonumber(ARGV[1])
local gone = 0
for _, name in ipairs(redis.call("HKEYS", QUEUES)) do
  local queue = queue_named(name)
  -- Nobody waits: whose turn it was is past.
  if queue.fair and waiting(queue) == 0 then redis.call("UNLINK", FAIR .. name) end
  for _, state in ipairs({ COMPLETED, FAILED, CANCELLED }) do
    if left > gone then gone = gone + prune_queue(queue, state, left - gone) end
  end
end
for _, name in ipairs(redis.call("SMEMBERS", DELETED_QUEUES)) do
  local kept = 0
  for _, state in ipairs({ COMPLETED, FAILED, CANCELLED }) do
    if left > gone then gone = gone + prune_queue(queue_named(name), state, left - gone) end
    kept = kept + redis.call("EXISTS", FINISHED .. state .. ":" .. name)
  end
  if kept == 0 then redis.call("SREM", DELETED_QUEUES, name) end
end
for _, worker in ipairs(redis.call("ZRANGEBYSCORE", WORKERS_SEEN, "-inf", now - ARGV[2], "LIMIT", 0, 100)) do
  redis.call("ZREM", WORKERS_SEEN, worker)
  redis.call("HDEL", WORKERS, worker)
  redis.call("HDEL", WORKERS_WANTED, worker)
end
for _, id in ipairs(redis.call("ZRANGEBYSCORE", GROUP_ENDS, "-inf", now, "LIMIT", 0, ARGV[1])) do
  redis.call("ZREM", GROUP_ENDS, id)
  redis.call("ZREM", GROUP_INDEX, id)
  -- Unlinked: a large one would hold Redis up.
  redis.call("UNLINK", GROUPS .. id, GROUP_CALLBACKS .. id, GROUP_JOBS .. id)
end
return gone
