--- @include "includes/woken"
-- Let one waiting worker of the queue look. The list holds one token or none: whoever takes it
-- leases, and a lease that leaves work behind puts the next one there.
local function wake(queue)
  if woken[queue.name] then return end
  woken[queue.name] = true
  if redis.call("LLEN", WAKE .. queue.name) == 0 then redis.call("RPUSH", WAKE .. queue.name, "1") end
end
