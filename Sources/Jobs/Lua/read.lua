--[[
  Jobs as they stand.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] "1" with their payloads, else ""    ARGV[2…] job ids
  Touches: JOBS PROGRESS RESULTS PAYLOADS WAITING LEASES QUEUES
  Answers: for each id describe…, or false
  Emits:   nothing
]]
--- @flags no-writes
--- @include "includes/now"
--- @include "includes/describe"

local answer = {}
for index = 2, #ARGV do
  local job = read_job(ARGV[index])
  answer[index - 1] = job and describe(job, ARGV[1] == "1") or false
end
return answer
