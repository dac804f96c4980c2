--[[
  Record how far a job has come; percent never falls within an attempt.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] job id    ARGV[2] token    ARGV[3] permille, -1 for none    ARGV[4] the report, packed
  Touches: JOBS PROGRESS GROUPS GROUP_JOBS
  Answers: {"held" | "cancel" | "lost", how many listened to the job and to its user}
  Emits:   progress, with the whole report; its group, where its whole permille changed
]]
--- @include "includes/now"
--- @include "includes/publish_job"
--- @include "includes/progress"

local job = read_job(ARGV[1])
if not job or job.state ~= RUNNING or job.more.v ~= tonumber(ARGV[2]) then return { "lost", 0 } end
local more = job.more
read_progress(job)
job.offset = job.offset + 1
more.pm = math.max(tonumber(ARGV[3]), more.pm or -1)
more.rep = ARGV[4]
redis.call("SET", PROGRESS .. job.id, cmsgpack.pack(job.offset, more.pm, now, more.rep))
local listeners = publish_job(job, "p")
if more.g then
  --- @include "includes/count_group"
  local group, is_visible = count_group(job, job.bytes)
  if group then keep_group(group, is_visible) end
end
return { more.x and "cancel" or "held", listeners }
