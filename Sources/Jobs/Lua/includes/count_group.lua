--- @include "includes/group"
--- @include "includes/is_terminal"
-- Let a job's group count what the job changed from: `was` is its record before, nil for a job that the group
-- has not counted yet. Answers with the group, for the caller to keep, and whether that can be seen; with
-- nothing where nothing of it changed.
local function count_group(job, was)
  local more, state, from = job.more, job.state, nil
  if was then
    local _
    _, from = cmsgpack.unpack_one(was, 1)
  end
  local function done(state, permille)
    return is_terminal(state) and 1000 or state == RUNNING and math.max(permille or 0, 0) or 0
  end
  local before, after = from and done(from, job.reported) or 0, done(state, more.pm)
  if from == state and before == after then return end

  local id = more.g
  local group = read_group(id)
  if not from then
    redis.call("ZADD", GROUP_JOBS .. id, job.sequence, job.id)
    group = group or new_group(id)
  elseif not group or not redis.call("ZSCORE", GROUP_JOBS .. id, job.id) then
    -- It was forgotten; one that was made under its name since knows nothing of its jobs.
    return
  end
  local weight, counts, permille = more.wt or 1, group.counts, permille_done(group)
  group.done = group.done + weight * (after - before)
  if from == state then return group, permille_done(group) ~= permille end
  if from then
    local left = (counts[from] or 1) - 1
    counts[from] = left > 0 and left or nil
  else
    group.weight = group.weight + weight
  end
  counts[state] = (counts[state] or 0) + 1
  if group.state == "o" then
    -- A group that nothing comes of is forgotten after a while.
    local left = pending(group)
    if left == 0 then
      redis.call("ZADD", GROUP_ENDS, now + GROUP_RETENTION, id)
    elseif left == 1 and not is_terminal(state) then
      redis.call("ZREM", GROUP_ENDS, id)
    end
  end
  return group, true
end
