--- @include "includes/counts"
-- How many jobs wait in any way.
local function waiting(queue)
  local fields = { "w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "w9", "w10", "b", "d", "y" }
  local sum, changes = 0, counted[queue.name] or {}
  local values = redis.call("HMGET", queue.counters, unpack(fields))
  for index, field in ipairs(fields) do
    sum = sum + (values[index] or 0) + (changes[field] or 0)
  end
  return sum
end
