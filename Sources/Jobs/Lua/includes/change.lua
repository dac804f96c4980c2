--- @include "includes/counts"
--- @include "includes/tell"
-- Keep and tell a job as it now is, whatever changed about it; its group counts that in the same step.
local function change(job, reason)
  local was = job.bytes
  tell(job, reason)
  if job.more.g then
    --- @defer count_change "includes/count_change"
    count_change(job, was)
  end
end
