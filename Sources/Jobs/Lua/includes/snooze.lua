--- @include "includes/change"
--- @include "includes/free_place"
--- @include "includes/postpone"
-- Let a job wait that its worker cannot run and has stopped (stop), its token spent and the attempt uncounted.
local function snooze(job, queue, pause)
  local more = job.more
  more.v, more.pm, more.rep = more.v + 1, nil, nil
  job.attempt = job.attempt - 1
  postpone(job, queue, now + pause, SCHEDULED)
  change(job, "snoozed")
  free_place(queue, job.user)
end
