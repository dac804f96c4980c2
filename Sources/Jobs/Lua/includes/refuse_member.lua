--- @include "includes/group"
-- Why a job of `user` cannot join a group; nil where it can.
local function refuse_member(id, user)
  local group = read_group(id)
  if not group or group.user ~= user then return "group_not_found" end
  if group.state ~= "o" then return "group_closed" end
end
