--- @include "includes/finish"
-- What a job that was told to stop, and is out of its worker's hands, comes to.
local function finish_stopped(job, queue, text)
  local more = job.more
  if more.xe then
    finish(job, queue, FAILED, more.x)
  else
    finish(job, queue, CANCELLED, text or more.x)
  end
end
