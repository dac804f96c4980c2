local change
--- @include "includes/counts"
--- @include "includes/publish_job"
-- Keep a job as it now is and publish that, to all who watch it: the change, its number, its publication and
-- what its group counts are one.
change = function(job, reason)
  local more, was = job.more, job.bytes
  job.offset = job.offset + 1
  local created = created_at(job)
  -- Of many that are accepted at once the last are numbered past this millisecond.
  if more.up or now > created then more.up = now > created and now or nil end
  if job.state ~= RUNNING or not (more.pm or more.rep) then
    write_job(job)
  else
    -- What it reported stands in PROGRESS while it runs, not in the record.
    local permille, report = more.pm, more.rep
    more.pm, more.rep = nil, nil
    write_job(job)
    more.pm, more.rep = permille, report
  end
  publish_job(job, "s", reason)
  if more.hs or more.wb then
    --- @include "includes/feed_change"
    feed_change(job, was, reason)
  end
  if more.g then
    --- @include "includes/count_change"
    count_change(job, was)
  end
end
