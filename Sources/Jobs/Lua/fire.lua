--[[
  Submit the job of a schedule, if it still stands at the moment it was seen at: one caller alone finds that.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] name    ARGV[2] the moment, ms    ARGV[3] the next one, ms, or ""    ARGV[4…] as enqueue.lua has them
  Touches: SCHEDULES, and what enqueue touches
  Answers: false where it does not stand there, else as enqueue
  Emits:   as enqueue
]]
--- @include "includes/now"
--- @include "includes/submit"
--- @include "includes/write_counts"

local bytes = redis.call("HGET", SCHEDULES, ARGV[1])
if not bytes then return false end
local schedule, due = cmsgpack.unpack(bytes)
if due ~= tonumber(ARGV[2]) then return false end
local answer = told(submit(unpack(ARGV, 4)))
-- What the queue refused may be tried again: the schedule stands where it stood.
if type(answer[2]) ~= "table" then return answer end
redis.call("HSET", SCHEDULES, ARGV[1],
  cmsgpack.pack(schedule, tonumber(ARGV[3]) or false, now, answer[2][1]))
write_counts()
return answer
