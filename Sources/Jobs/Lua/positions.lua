--[[
  How far the events of jobs have come.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1…] job ids
  Touches: JOBS PROGRESS
  Answers: for each id its offset and the sequence that names its epoch, false and false where it is unknown or its
            record cannot be read
  Emits:   nothing
]]
--- @flags no-writes
--- @include "includes/record"
--- @include "includes/progress"

local answer = {}
for index, id in ipairs(ARGV) do
  -- One damaged record is not to hide the others.
  local is_whole, job = pcall(read_job, id)
  job = is_whole and job
  if job and job.state == RUNNING then read_progress(job) end
  answer[2 * index - 1] = job and job.offset or false
  answer[2 * index] = job and (job.more.ep or job.sequence) or false
end
return answer
