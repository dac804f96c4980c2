--[[
  Let no more jobs into a group; one that has nothing left to wait for is finished.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] id
  Touches: GROUPS GROUP_CALLBACKS GROUP_ENDS, and what enqueue touches
  Answers: the group, as group.lua keeps it | false for an unknown id
  Emits:   the group, if it was open; what the acceptance of its callback does
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/counts"
--- @include "includes/end_group"
--- @include "includes/write_counts"

local group = read_group(ARGV[1])
if not group or not group.user then return false end
if group.state == "o" then
  group.state = "c"
  if pending(group) == 0 then end_group(group) end
  keep_group(group, true)
  write_counts()
end
return group.bytes
