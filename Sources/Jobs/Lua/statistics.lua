--[[
  What a queue did in the last minutes, the running one included.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] queue    ARGV[2] how many minutes
  Touches: MINUTES
  Answers: the fields of MINUTES and their sums, one after the other
  Emits:   nothing
]]
--- @flags no-writes
--- @include "includes/now"

local minute, sums = math.floor(now / 60000), {}
for number = minute - ARGV[2] + 1, minute do
  local fields = redis.call("HGETALL", MINUTES .. ARGV[1] .. ":" .. number)
  for index = 1, #fields, 2 do
    sums[fields[index]] = (sums[fields[index]] or 0) + fields[index + 1]
  end
end
local answer = {}
for field, sum in pairs(sums) do
  answer[#answer + 1] = field
  answer[#answer + 1] = sum
end
return answer
