--[[
  Append lines to a job's log.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] job id    ARGV[2] token    ARGV[3] how many lines are kept    ARGV[4…] lines
  Touches: JOBS LOGS
  Answers: "held" | "cancel" | "lost"
  Emits:   nothing
]]
--- @include "includes/record"

local job, kept = read_job(ARGV[1]), tonumber(ARGV[3])
if not job or job.state ~= RUNNING or job.more.v ~= tonumber(ARGV[2]) then return "lost" end
for index = 4, #ARGV do redis.call("RPUSH", LOGS .. job.id, ARGV[index]) end
redis.call("LTRIM", LOGS .. job.id, -kept, -1)
return job.more.x and "cancel" or "held"
