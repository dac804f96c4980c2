--- @include "includes/record"
--- @include "includes/is_terminal"
-- Keep a job as it now is and publish that, to its own watchers and to its user's: the change, its
-- number and its publication are one. The message is read by JobEvent+Message.swift.
local function publish_job(job, class, reason)
  local more, state = job.more, job.state
  local outcome = (is_terminal(state) or state == RETRYING) and (job.outcome or more.r) or false
  local message = cmsgpack.pack(class, job.id, job.user, job.offset, job.sequence, now, state,
    job.attempt, (more.sl and 1 or 0) + (more.x and 2 or 0), more.pm or -1, more.rep or false,
    outcome or false, more.st or false, more.fi or false, reason or false)
  redis.call("PUBLISH", JOB_EVENTS .. job.id, message)
  redis.call("PUBLISH", USER_EVENTS .. job.user, message)
end

local function tell(job, reason)
  local more = job.more
  job.offset = job.offset + 1
  more.up = now ~= created_at(job) and now or nil
  if job.state ~= RUNNING then
    write_job(job)
    return publish_job(job, "s", reason)
  end
  -- What it reported stands in PROGRESS while it runs, not in the record.
  local permille, report = more.pm, more.rep
  more.pm, more.rep = nil, nil
  write_job(job)
  more.pm, more.rep = permille, report
  publish_job(job, "s", reason)
end
