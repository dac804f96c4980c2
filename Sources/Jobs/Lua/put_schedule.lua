--[[
  Keep a schedule, new or changed, or forget it.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] name    ARGV[2] the schedule, packed, or "" to forget it    ARGV[3] when it fires next, ms, or ""
  Touches: SCHEDULES
  Answers: 1 if there was one, else 0
  Emits:   nothing
]]
local known = redis.call("HGET", SCHEDULES, ARGV[1])
if ARGV[2] == "" then return redis.call("HDEL", SCHEDULES, ARGV[1]) end
local fired, job = false, false
if known then
  local _
  _, _, fired, job = cmsgpack.unpack(known)
end
redis.call("HSET", SCHEDULES, ARGV[1], cmsgpack.pack(ARGV[2], tonumber(ARGV[3]) or false, fired, job))
return known and 1 or 0
