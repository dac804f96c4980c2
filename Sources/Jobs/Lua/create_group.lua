--[[
  Make an open group, unless there is one of the id.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] id    ARGV[2] user    ARGV[3] name, or ""    ARGV[4] the request of its callback, packed, or ""
  Touches: GROUPS GROUP_CALLBACKS GROUP_INDEX GROUP_ENDS
  Answers: the group, as group.lua keeps it
  Emits:   nothing
]]
--- @include "includes/now"
--- @include "includes/group"

local id, user, name, callback = unpack(ARGV)
local group = read_group(id)
if group and group.user then return group.bytes end
group = group or new_group(id)
group.user, group.name = user, name ~= "" and name
if callback ~= "" then redis.call("SET", GROUP_CALLBACKS .. id, callback) end
if pending(group) == 0 then redis.call("ZADD", GROUP_ENDS, now + GROUP_RETENTION, id) end
keep_group(group, false)
return group.bytes
