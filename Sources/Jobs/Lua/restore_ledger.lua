--[[
  Raise what a queue remembers to what an archive says of it; what is as high already stays.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] queue    ARGV[2] a MessagePack map: fields of COUNTERS that only rise
  ARGV[3] when its last failure was, ms, or 0    ARGV[4] that failure, packed
  ARGV[5]… of a fair queue: a user and the tag of the user's next job, for each
  Touches: QUEUES COUNTERS FAIR
  Answers: "restored" | "known": nothing was lower
  Emits:   nothing
]]
--- @include "includes/now"
--- @include "includes/digits"
--- @include "includes/queue"
--- @include "includes/keep_queue"

local queue, is_raised = queue_named(ARGV[1]), false
if queue.is_new then keep_queue(queue) end
local function here(field) return tonumber(redis.call("HGET", queue.counters, field) or 0) end

for field, value in pairs(cmsgpack.unpack(ARGV[2])) do
  if value > here(field) and (field ~= "v" or queue.fair) then
    redis.call("HSET", queue.counters, field, digits(value))
    is_raised = true
  end
end
if tonumber(ARGV[3]) > here("failed") then
  redis.call("HSET", queue.counters, "failed", ARGV[3], "failure", ARGV[4])
  is_raised = true
end
for index = 5, queue.fair and #ARGV or 0, 2 do
  local changed = redis.call("ZADD", FAIR .. queue.name, "GT", "CH", ARGV[index + 1], ARGV[index])
  is_raised = is_raised or changed == 1
end
return is_raised and "restored" or "known"
