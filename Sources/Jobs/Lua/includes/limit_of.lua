--- @include "includes/is_terminal"
-- When a job passes the first of its limits; nil where it has none, or nothing more is done about it.
local function limit_of(job)
  local more = job.more
  if is_terminal(job.state) or more.x then return nil end
  if more.sb and not more.st then return math.min(more.sb, more.eb or more.sb) end
  return more.eb
end
