--[[
  Tell when there may be work: asked before waiting, so that nothing that came earlier is missed.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1…] queues
  Touches: WAITING DUE QUEUES COUNTERS
  Answers: ms until a job may be had, 0 if at once, -1 if none is known of
  Emits:   nothing
]]
--- @flags no-writes
--- @include "includes/now"
--- @include "includes/offers"

for _, name in ipairs(ARGV) do
  if offers(name) then return 0 end
end
local first = redis.call("ZRANGE", DUE, 0, 0, "WITHSCORES")
if not first[2] then return -1 end
return math.max(0, tonumber(first[2]) - now)
