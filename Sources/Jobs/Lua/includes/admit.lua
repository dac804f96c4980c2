--- @include "includes/digits"
-- How many of a user's jobs are queued or run in a queue (ADMITTED). Where no window is to be kept, what a script
-- changes of it is summed up and written at its end.
local admissions = {}

local function admitted(name, user, by)
  local taken = redis.call("HINCRBY", ADMITTED .. name, user, digits(by))
  if taken <= 0 then redis.call("HDEL", ADMITTED .. name, user) end
  return taken
end

-- Answers with how many there are then, in a queue with a window.
local function admit(queue, user, by)
  if queue.window then return admitted(queue.name, user, by) end
  local of = admissions[queue.name]
  if not of then
    of = {}
    admissions[queue.name] = of
  end
  of[user] = (of[user] or 0) + by
end

local function write_admissions()
  for name, users in pairs(admissions) do
    for user, by in pairs(users) do
      if by ~= 0 then admitted(name, user, by) end
    end
  end
  admissions = {}
end
