--- @include "includes/is_terminal"
--- @include "includes/now"
-- When a job passes the first of its limits; nil where it has none, or nothing more is done about it.
local function limit_of(job)
  local more = job.more
  if is_terminal(job.state) or more.x then return nil end
  if more.sb and not more.st then return math.min(more.sb, more.eb or more.sb) end
  return more.eb
end

-- What a job fails with that passed it.
local function limit_failure(job)
  local more = job.more
  return not more.st and more.sb and more.sb <= now and NOT_STARTED_IN_TIME or TOTAL_TIMEOUT
end
