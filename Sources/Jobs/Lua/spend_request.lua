--[[
  Count a request of a user, if fewer than the limit were admitted within the window; or only tell
  what is left.

  KEYS[1] list of the moments of admission, newest first, µs
  ARGV[1] limit    ARGV[2] window µs    ARGV[3] spend | look
  Answers: {1 if admitted else 0, how many more would be, µs until the next returns}
  Emits:   nothing
]]
--- @include "includes/now"
--- @include "includes/digits"

local spent, limit, window = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local oldest = redis.call("LINDEX", spent, -1)
while oldest and micros - oldest >= window do
  redis.call("RPOP", spent)
  oldest = redis.call("LINDEX", spent, -1)
end
local count = redis.call("LLEN", spent)
if count >= limit then
  -- The limit may have been lowered since: then more than one has to return.
  local next = limit > 0 and redis.call("LINDEX", spent, limit - 1) or micros
  return { 0, 0, math.max(0, next + window - micros) }
end
if ARGV[3] == "look" then
  return { 1, limit - count, oldest and oldest + window - micros or 0 }
end
redis.call("LPUSH", spent, digits(micros))
redis.call("PEXPIRE", spent, math.ceil(window / 1000))
return { 1, limit - count - 1, (oldest or micros) + window - micros }
