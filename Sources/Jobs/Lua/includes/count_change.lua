--- @include "includes/count_group"
--- @include "includes/end_group"
-- Let a job's group count its change, as count_group has it; a closed group ends with the last of its jobs.
local function count_change(job, was)
  local group, is_visible = count_group(job, was)
  if not group then return end
  if group.state == "c" and pending(group) == 0 then end_group(group) end
  keep_group(group, is_visible)
end
