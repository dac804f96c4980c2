--[[
  Record how far a job has come; percent never falls within an attempt.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] job id    ARGV[2] token    ARGV[3] permille, -1 for none    ARGV[4] the report, packed
  Touches: JOBS REPORTS
  Answers: "held" | "cancel" | "lost"
  Emits:   progress, with the whole report
]]
--- @include "keys"
--- @include "includes/now"
--- @include "includes/words"
--- @include "includes/pack"
--- @include "includes/emit"

local id, token, permille, report = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local job = JOBS .. id
local state, held, cancelled, reached, offset, epoch, user, attempt =
  unpack(redis.call("HMGET", job, "s", "v", "cx", "pg", "e", "ep", "u", "a"))
if state ~= RUNNING or held ~= token then return "lost" end

permille = math.max(permille, tonumber(reached or -1))
offset = offset + 1
redis.call("HSET", job, "pg", permille, "e", offset, "t", now)
redis.call("SET", REPORTS .. id, report)
emit(id, user, "p a " .. offset .. " " .. attempt .. " " .. now .. " " .. permille .. " "
  .. (cancelled and 1 or 0) .. " " .. epoch, "", report, "", "")
return cancelled and "cancel" or "held"
