--[[
  Where queued jobs stand.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1…] job ids
  Touches: JOBS WAITING
  Answers: for each id its queue and its rank, false and false where it is not queued
  Emits:   nothing
]]
--- @flags no-writes
--- @include "includes/record"

local answer = {}
for index, id in ipairs(ARGV) do
  local job = read_job(id)
  local rank = job and job.state == QUEUED and redis.call("ZRANK", WAITING .. job.queue, id)
  answer[2 * index - 1] = rank and job.queue or false
  answer[2 * index] = rank or false
end
return answer
