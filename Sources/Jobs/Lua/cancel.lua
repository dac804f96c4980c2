--[[
  Cancel a job: at once where it does not run, else its worker is asked to stop it.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] job id    ARGV[2] the failure it gets, packed    ARGV[3] "1" to have it killed at once, else ""
  ARGV[4] "1" to forget it when it has ended, else ""    ARGV[5] "1" if a reason was given, else ""
  Touches: every family of keys
  Answers: describe… | {"forgotten"} | false for an unknown id
  Emits:   state cancelled, or state running with reason cancelling; a directive to the worker
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/finish"
--- @include "includes/withdraw"
--- @include "includes/forget"
--- @include "includes/write_counts"
--- @include "includes/progress"
--- @include "includes/describe"

local job = read_job(ARGV[1])
if not job then return false end
local more, forced, removed = job.more, ARGV[3] == "1", ARGV[4] == "1"
if is_terminal(job.state) then
  if removed then
    forget(job)
    return { "forgotten" }
  end
elseif job.state ~= RUNNING then
  local queue = queue_named(job.queue)
  withdraw(job, queue)
  more.rm = removed or nil
  finish(job, queue, CANCELLED, ARGV[2])
  write_counts()
  if removed then return { "forgotten" } end
else
  local was_asked, was_forced = more.x, more.xf
  if not was_asked then more.x, more.xg = ARGV[2], ARGV[5] == "1" or nil end
  more.xf, more.rm = was_forced or forced or nil, more.rm or removed or nil
  if not was_asked then
    read_progress(job)
    change(job, "cancelling")
  else
    write_job(job)
  end
  if not was_asked or (forced and not was_forced) then
    redis.call("PUBLISH", DIRECTIVES .. more.h, (forced and "K " or "C ") .. job.id)
  end
end
return describe(job, true)
