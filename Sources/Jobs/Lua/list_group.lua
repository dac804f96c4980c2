--[[
  A page of the jobs of a group, oldest first.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] group    ARGV[2] after which sequence, or ""    ARGV[3] the most jobs to give
  Touches: GROUPS GROUP_JOBS, and what describe reads
  Answers: {sequence to go on after, or false after the last; describe… for each}
  Emits:   nothing
]]
--- @flags no-writes
--- @include "includes/now"
--- @include "includes/group"
--- @include "includes/describe"

local id, after, wanted = ARGV[1], ARGV[2], tonumber(ARGV[3])
local answer, last = { false }, nil
local group = read_group(id)
if not group or not group.user then return answer end
local found = redis.call("ZRANGEBYSCORE", GROUP_JOBS .. id, after == "" and "-inf" or "(" .. after, "+inf",
  "WITHSCORES", "LIMIT", 0, wanted + 1)
for index = 1, #found, 2 do
  if index > 2 * wanted then
    answer[1] = last
    break
  end
  local job = read_job(found[index])
  if job then answer[#answer + 1] = describe(job, false) end
  last = found[index + 1]
end
return answer
