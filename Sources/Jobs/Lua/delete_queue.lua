--[[
  Forget a queue's settings and counts.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] queue
  Touches: QUEUES DELETED_QUEUES COUNTERS MINUTES ADMITTED FAIR WAKE WIDENED FINISHED
  Answers: {"deleted"} | {"not_found"} | {"not_empty", jobs}
  Emits:   nothing
]]
--- @include "keys"
--- @include "includes/now"
--- @include "includes/counts"

local name = ARGV[1]
local queue = queue_named(name)
if queue.is_new then return { "not_found" } end
local jobs = waiting(queue) + counter(queue, "a")
if jobs > 0 then return { "not_empty", jobs } end
call("HDEL", QUEUES, name)
call("HDEL", WIDENED, name)
call("DEL", COUNTERS .. name, ADMITTED .. name, FAIR .. name, WAKE .. name)
local minute = math.floor(now / 60000)
for first = minute - 1500, minute, 100 do
  local keys = {}
  for number = first, first + 99 do keys[#keys + 1] = MINUTES .. name .. ":" .. number end
  call("DEL", unpack(keys))
end
for _, state in ipairs({ "c", "f", "x" }) do
  if call("EXISTS", FINISHED .. state .. ":" .. name) == 1 then call("SADD", DELETED_QUEUES, name) end
end
return { "deleted" }
