--[[
  The beat of a gateway: note what it says of itself, for a while.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] node    ARGV[2] how long it is listed, ms    ARGV[3] its report, packed, or "" where it ended in order
  Touches: NODES NODE_ENDS
  Answers: 1
  Emits:   nothing
]]
--- @flags allow-oom
--- @include "includes/now"

local node, report = ARGV[1], ARGV[3]
for _, gone in ipairs(redis.call("ZRANGEBYSCORE", NODE_ENDS, "-inf", now)) do
  redis.call("ZREM", NODE_ENDS, gone)
  redis.call("HDEL", NODES, gone)
end
if report == "" then
  redis.call("ZREM", NODE_ENDS, node)
  redis.call("HDEL", NODES, node)
else
  redis.call("ZADD", NODE_ENDS, now + ARGV[2], node)
  redis.call("HSET", NODES, node, report)
end
return 1
