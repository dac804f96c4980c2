--- @include "includes/record"
--- @include "includes/is_terminal"
-- Publish what a job now is to its own watchers and to its user's; answers how many subscriptions it met. The message is
-- read by JobEvent+Message.swift.
local function publish_job(job, class, reason)
  local more, state = job.more, job.state
  local outcome = (is_terminal(state) or state == RETRYING) and (job.outcome or more.r) or false
  local message = cmsgpack.pack({ class, job.id, job.user, job.offset, more.ep or job.sequence, now, state,
    job.attempt, (more.sl and 1 or 0) + (more.x and 2 or 0), more.pm or -1, more.rep or false,
    outcome or false, more.st or false, more.fi or false, reason or false })
  local listeners = redis.call("PUBLISH", JOB_EVENTS .. job.id, message)
  return listeners + redis.call("PUBLISH", USER_EVENTS .. job.user, message)
end
