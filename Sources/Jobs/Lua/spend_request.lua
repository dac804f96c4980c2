--[[
  Count a request of a user, if fewer than the limit were admitted within the window; or only tell
  what is left. Where plenty is left several may be counted at once that will be made within a
  while: each as if it were made at the end of it, so that never more than the limit are.

  KEYS[1] list of the moments of admission, newest first, µs
  ARGV[1] limit    ARGV[2] window µs    ARGV[3] spend | look
  ARGV[4] how many, 1 if absent    ARGV[5] µs within which they will be made
  Answers: {how many are admitted, how many more would be, µs until the next returns}
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
local several, lead = tonumber(ARGV[4] or 1), 0
if several > 1 and limit - count - several >= limit / 2 then lead = tonumber(ARGV[5]) else several = 1 end
local moments = {}
for number = 1, several do moments[number] = digits(micros + lead) end
redis.call("LPUSH", spent, unpack(moments))
redis.call("PEXPIRE", spent, math.ceil((window + lead) / 1000))
return { several, limit - count - several, (oldest or micros) + window - micros }
