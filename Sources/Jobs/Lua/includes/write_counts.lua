--- @include "includes/digits"
--- @include "includes/later"
--- @include "includes/admit"
--- @include "includes/counts"
--- @include "includes/ends"
local function write_counts()
  carry_out_all()
  write_admissions()
  if next(ends) then
    --- @include "includes/end_jobs"
    end_jobs()
  end
  for name in pairs(counted) do
    local queue = queues[name]
    if queue.mode == "d" or queue.mode == "D" then
      --- @include "includes/end_drain"
      end_drain(queue)
    end
  end
  for name, changes in pairs(counted) do
    for field, by in pairs(changes) do
      if by ~= 0 then redis.call("HINCRBY", COUNTERS .. name, field, digits(by)) end
    end
  end
  if next(tallied) then
    local minute = math.floor(now / 60000)
    for name, changes in pairs(tallied) do
      local key = MINUTES .. name .. ":" .. digits(minute)
      for field, by in pairs(changes) do
        -- 25 hours; given with the first of each field, which is rare enough.
        if redis.call("HINCRBY", key, field, digits(by)) == by then redis.call("EXPIRE", key, "90000") end
      end
    end
  end
end
