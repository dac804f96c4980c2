--[[
  Take in a group that an archive holds, after its jobs.

  Its jobs on record are counted as they stand, which may be otherwise than when the group was archived. Those
  that are not on record had been forgotten, and so had ended: as many are counted as the archive says there
  were more.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] id    ARGV[2] the group, as group.lua keeps it    ARGV[3] the request of its callback, packed, or ""
  Touches: GROUPS GROUP_CALLBACKS GROUP_INDEX GROUP_ENDS, and what enqueue touches
  Answers: "restored" | "known"
  Emits:   the group, where it is not what the archive says; what the acceptance of its callback does
]]
--- @include "includes/now"
--- @include "includes/counts"
--- @include "includes/end_group"
--- @include "includes/write_counts"

local id = ARGV[1]
local here = read_group(id)
if here and here.user then return "known" end
here = here or new_group(id)
local group = unpack_group(id, ARGV[2])

local counts, forgotten, left = here.counts, 0, jobs_of(group) - jobs_of(here)
for _, state in ipairs({ COMPLETED, FAILED, CANCELLED }) do
  local gone = math.min(left - forgotten, (group.counts[state] or 0) - (counts[state] or 0))
  if gone > 0 then counts[state], forgotten = (counts[state] or 0) + gone, forgotten + gone end
end
local weight = forgotten > 0 and math.max(0, group.weight - here.weight) or 0

local state, permille, is_changed = group.state, permille_done(group), false
for letter in pairs(counts) do is_changed = is_changed or counts[letter] ~= group.counts[letter] end
for letter in pairs(group.counts) do is_changed = is_changed or counts[letter] ~= group.counts[letter] end
group.counts, group.weight, group.done = counts, here.weight + weight, here.done + 1000 * weight

if state == "f" then
  redis.call("ZADD", GROUP_ENDS, (group.finished or now) + GROUP_RETENTION, id)
else
  if ARGV[3] ~= "" then redis.call("SET", GROUP_CALLBACKS .. id, ARGV[3]) end
  if pending(group) > 0 then
    redis.call("ZREM", GROUP_ENDS, id)
  elseif state == "c" then
    end_group(group)
  else
    redis.call("ZADD", GROUP_ENDS, now + GROUP_RETENTION, id)
  end
end
keep_group(group, is_changed or group.state ~= state or permille_done(group) ~= permille)
write_counts()
return "restored"
