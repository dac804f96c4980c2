--[[
  Renew the leases of a worker that are still its own.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] duration ms    ARGV[2, 3…] job id, token
  Touches: JOBS LEASES
  Answers: for each "held" | "cancel" | "lost"
  Emits:   nothing
]]
--- @include "keys"
--- @include "includes/now"
--- @include "includes/words"

local deadline = now + ARGV[1]
local answer = {}
for index = 2, #ARGV, 2 do
  local id, token = ARGV[index], ARGV[index + 1]
  local state, held, cancelled = unpack(redis.call("HMGET", JOBS .. id, "s", "v", "cx"))
  if state == RUNNING and held == token then
    redis.call("ZADD", LEASES, deadline, id)
    answer[#answer + 1] = cancelled and "cancel" or "held"
  else
    answer[#answer + 1] = "lost"
  end
end
return answer
