--[[
  Forget jobs that were kept long enough, and workers that have been lost for long.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] the most jobs    ARGV[2] how long a lost worker is listed, ms
  Touches: QUEUES DELETED_QUEUES FINISHED WORKERS WORKERS_SEEN WORKERS_WANTED, and what forget touches
  Answers: how many jobs went
  Emits:   nothing
]]
--- @include "keys"
--- @include "includes/now"
--- @include "includes/queue"
--- @include "includes/retain"

local left = tonumber(ARGV[1])
local gone = 0
for _, name in ipairs(call("HKEYS", QUEUES)) do
  for _, state in ipairs({ COMPLETED, FAILED, CANCELLED }) do
    if left > gone then gone = gone + prune(queue_named(name), state, left - gone) end
  end
end
for _, name in ipairs(call("SMEMBERS", DELETED_QUEUES)) do
  local kept = 0
  for _, state in ipairs({ COMPLETED, FAILED, CANCELLED }) do
    if left > gone then gone = gone + prune(queue_named(name), state, left - gone) end
    kept = kept + call("EXISTS", FINISHED .. state .. ":" .. name)
  end
  if kept == 0 then call("SREM", DELETED_QUEUES, name) end
end
for _, worker in ipairs(call("ZRANGEBYSCORE", WORKERS_SEEN, "-inf", now - ARGV[2], "LIMIT", 0, 100)) do
  call("ZREM", WORKERS_SEEN, worker)
  call("HDEL", WORKERS, worker)
  call("HDEL", WORKERS_WANTED, worker)
end
return gone
