--[[
  Append lines to the log of a job, which keeps the newest.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] job id    ARGV[2] token    ARGV[3] how many lines are kept    ARGV[4…] lines
  Touches: JOBS LOGS
  Answers: "held" | "cancel" | "lost"
  Emits:   nothing
]]
--- @include "keys"
--- @include "includes/words"

local id, token, kept = ARGV[1], ARGV[2], tonumber(ARGV[3])
local state, held, cancelled = unpack(redis.call("HMGET", JOBS .. id, "s", "v", "cx"))
if state ~= RUNNING or held ~= token then return "lost" end
for index = 4, #ARGV do redis.call("RPUSH", LOGS .. id, ARGV[index]) end
redis.call("LTRIM", LOGS .. id, -kept, -1)
return cancelled and "cancel" or "held"
