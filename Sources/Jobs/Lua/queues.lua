--[[
  Every queue as it stands.

  KEYS[1] the partition: every key below lies in its slot
  Touches: QUEUES COUNTERS WAITING FINISHED JOBS
  Answers: describe_queue… for each
  Emits:   nothing
]]
--- @flags no-writes
--- @include "includes/now"
--- @include "includes/describe_queue"

local answer = {}
for index, name in ipairs(redis.call("HKEYS", QUEUES)) do answer[index] = describe_queue(queue_named(name)) end
return answer
