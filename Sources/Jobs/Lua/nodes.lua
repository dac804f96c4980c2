--[[
  Every gateway that was heard of within its time.

  KEYS[1] the partition: every key below lies in its slot
  Touches: NODES NODE_ENDS
  Answers: {node, packed report, for each}
  Emits:   nothing
]]
--- @flags no-writes
--- @include "includes/now"

local answer = {}
for _, node in ipairs(redis.call("ZRANGEBYSCORE", NODE_ENDS, "(" .. now, "+inf")) do
  local n = #answer
  answer[n + 1], answer[n + 2] = node, redis.call("HGET", NODES, node)
end
return answer
