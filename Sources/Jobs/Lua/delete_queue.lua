--[[
  Forget a queue's settings and counts.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] queue
  Touches: QUEUES DELETED_QUEUES COUNTERS MINUTES ADMITTED FAIR WAKE WIDENED FINISHED
  Answers: {"deleted"} | {"not_found"} | {"not_empty", jobs}
  Emits:   nothing
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/counter"
--- @include "includes/waiting"

local name = ARGV[1]
local queue = queue_named(name)
if queue.is_new then return { "not_found" } end
local jobs = waiting(queue) + counter(queue, "a")
if jobs > 0 then return { "not_empty", jobs } end
redis.call("HDEL", QUEUES, name)
redis.call("HDEL", WIDENED, name)
redis.call("DEL", COUNTERS .. name, ADMITTED .. name, FAIR .. name, WAKE .. name)
local minute = math.floor(now / 60000)
for first = minute - 1500, minute, 100 do
  local keys = {}
  for number = first, first + 99 do keys[#keys + 1] = MINUTES .. name .. ":" .. number end
  redis.call("DEL", unpack(keys))
end
for _, state in ipairs({ "c", "f", "x" }) do
  if redis.call("EXISTS", FINISHED .. state .. ":" .. name) == 1 then redis.call("SADD", DELETED_QUEUES, name) end
end
return { "deleted" }
