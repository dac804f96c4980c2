--- @include "includes/counts"
-- A counter as it stands, what is not yet written included.
local function counter(queue, field)
  local changes = counted[queue.name]
  return tonumber(redis.call("HGET", queue.counters, field) or 0) + (changes and changes[field] or 0)
end
