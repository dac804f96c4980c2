--- @include "includes/claims"
-- A job that has ended gives up its keys, but for the content key of one that completed.
local function drop_claims(job)
  local more = job.more
  if more.uk then drop_claim(unique_claim(job.user, job.queue, more.uk), job.id) end
  if more.ck and job.state ~= COMPLETED then drop_content_claim(job) end
end
