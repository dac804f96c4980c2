--[[
  Keep a schedule, new or changed, or forget it. Where its times stay as they were, so does its moment.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] name    ARGV[2] the schedule, packed, or "" to forget it    ARGV[3] when it fires next, ms, or ""
  Touches: SCHEDULES
  Answers: when it fires next, ms, or false; of one that is forgotten 1 if there was one, else 0
  Emits:   nothing
]]
local known = redis.call("HGET", SCHEDULES, ARGV[1])
if ARGV[2] == "" then return redis.call("HDEL", SCHEDULES, ARGV[1]) end
local next, fired, job = tonumber(ARGV[3]) or false, false, false
if known then
  local bytes, due
  bytes, due, fired, job = cmsgpack.unpack(known)
  local before, after = cmsgpack.unpack(bytes), cmsgpack.unpack(ARGV[2])
  if due and before.cron == after.cron and before.zone == after.zone and before.enabled == after.enabled then
    next = due
  end
end
redis.call("HSET", SCHEDULES, ARGV[1], cmsgpack.pack(ARGV[2], next, fired, job))
return next
