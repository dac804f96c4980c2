--- @include "includes/group"
-- Let a group count a job no more that has not ended, and is kept elsewhere now. Nobody is told.
local function leave_group(job)
  local id = job.more.g
  local group = redis.call("ZREM", GROUP_JOBS .. id, job.id) == 1 and read_group(id)
  if not group then return end
  local left = (group.counts[job.state] or 1) - 1
  group.counts[job.state] = left > 0 and left or nil
  group.weight, group.offset = group.weight - (job.more.wt or 1), group.offset + 1
  if pending(group) == 0 and group.state ~= "f" then
    redis.call("ZADD", GROUP_ENDS, now + GROUP_RETENTION, id)
  end
  keep_group(group, false)
end
