--[[
  Jobs as they stand.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] "1" with their payloads, else ""    ARGV[2…] job ids
  Touches: JOBS REPORTS RESULTS PAYLOADS WAITING LEASES
  Answers: for each id its record, as read_job has it, or false
  Emits:   nothing
]]
--- @include "keys"
--- @include "includes/now"
--- @include "includes/words"
--- @include "includes/read_job"

local answer = {}
for index = 2, #ARGV do answer[index - 1] = read_job(ARGV[index], ARGV[1] == "1") end
return answer
