--- @include "includes/enter"
--- @include "includes/change"
-- Back to where it was, its token spent. What it had reported belongs to an attempt that does not count.
local function put_back(job, queue, reason)
  local more = job.more
  more.v, more.pm, more.rep = more.v + 1, nil, nil
  job.attempt = job.attempt - 1
  enter(job, queue)
  change(job, reason)
end
