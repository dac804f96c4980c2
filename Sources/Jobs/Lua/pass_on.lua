--[[
  Let another worker look: the one that was woken for these queues cannot take.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1…] queues
  Touches: WAITING QUEUES COUNTERS WAKE
  Answers: nothing
  Emits:   nothing
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/offers"
--- @include "includes/wake"

for _, name in ipairs(ARGV) do
  if offers(name) then wake(queue_named(name)) end
end
