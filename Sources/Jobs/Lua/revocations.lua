--[[
  A page of the revocations that are not over, the one that is over first in front.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] ms: those that are over then or later    ARGV[2] how many of those that are over just then are passed over
  ARGV[3] the most of a page
  Touches: REVOKED REVOCATION_ENDS
  Answers: {ARGV[1] and ARGV[2] of the next page or false and false, then subject, when it was made, until when it is
            remembered, for each}
  Emits:   nothing
]]
--- @flags no-writes
--- @include "includes/now"

local from, passed, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if from <= now then from, passed = now + 1, 0 end
local page = redis.call("ZRANGEBYSCORE", REVOCATION_ENDS, from, "+inf", "WITHSCORES", "LIMIT", passed, limit)
local answer = { false, false }
for index = 1, #page, 2 do
  local n = #answer
  answer[n + 1], answer[n + 2], answer[n + 3] = page[index], redis.call("HGET", REVOKED, page[index]), page[index + 1]
end
if #page == 2 * limit then
  local last = page[#page]
  local same = tonumber(last) == from and passed or 0
  for index = 2, #page, 2 do
    if page[index] == last then same = same + 1 end
  end
  answer[1], answer[2] = last, same
end
return answer
