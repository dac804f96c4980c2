--- @include "includes/find"
--- @include "includes/record"
--- @include "includes/is_terminal"
--- @include "includes/uuid"
--- @include "includes/progress"
--- @include "includes/group"
--- @include "includes/end_group"
local states = { SCHEDULED, BLOCKED, QUEUED, RUNNING, RETRYING, COMPLETED, FAILED, CANCELLED }

-- Compare a group with what its jobs say. `seen` was kept from piece to piece: the group's offset at the
-- first, the sequence of the last job, the sums of weights and of weight times permille, and how many jobs
-- in each state.
local function check_counts(group, seen, is_whole)
  local id, name, counts = group.id, uuid(group.id), group.counts
  local here, all = 0, 0
  for _, state in ipairs(states) do here, all = here + seen[state], all + (counts[state] or 0) end
  -- Counted in pieces the jobs are what they were together only if none changed meanwhile.
  local is_wrong = all < here
  for _, state in ipairs(states) do
    -- Those that were forgotten are counted, and not here.
    local is = counts[state] or 0
    is_wrong = is_wrong or is < seen[state] or all == here and is ~= seen[state]
  end
  is_wrong = is_wrong or group.weight < seen.weight or all == here and group.weight ~= seen.weight
    or is_whole and all == here and group.done ~= seen.done
  if is_wrong and (is_whole or seen.offset == group.offset) then
    find("wrong_count", name, "counts " .. all .. " jobs and a weight of " .. group.weight
      .. " otherwise than its " .. here .. " jobs on record", function()
        for _, state in ipairs(states) do
          local wanted = all <= here and seen[state] or math.max(counts[state] or 0, seen[state])
          counts[state] = wanted > 0 and wanted or nil
        end
        group.weight = all <= here and seen.weight or math.max(group.weight, seen.weight)
        if is_whole and all <= here then group.done = seen.done end
        if group.state == "c" and pending(group) == 0 then end_group(group) end
        keep_group(group, true)
      end)
  end
  local ends = redis.call("ZSCORE", GROUP_ENDS, id)
  local may_end = group.state == "f" or pending(group) == 0
  if may_end and not ends then
    find("misplaced_job", name, "is never forgotten",
      function() redis.call("ZADD", GROUP_ENDS, now + GROUP_RETENTION, id) end)
  elseif ends and not may_end then
    find("misplaced_job", name, "is forgotten before its end",
      function() redis.call("ZREM", GROUP_ENDS, id) end)
  end
end

-- Look at some jobs of a group, at most `limit`. Answers where to go on, false after the last.
local function check_group(id, seen, limit)
  local group, key = read_group(id), GROUP_JOBS .. id
  -- It may have been forgotten since the piece before.
  if not group and seen then return false end
  if not group then
    find("missing_record", uuid(id), "stands in " .. GROUP_INDEX .. " and is not on record", function()
      redis.call("ZREM", GROUP_INDEX, id)
      redis.call("ZREM", GROUP_ENDS, id)
    end)
    return false
  end
  local is_first = not seen
  if is_first then
    seen = { offset = group.offset, after = "-inf", weight = 0, done = 0 }
    for _, state in ipairs(states) do seen[state] = 0 end
  end
  local found = redis.call("ZRANGEBYSCORE", key, seen.after, "+inf", "WITHSCORES", "LIMIT", 0, limit)
  for index = 1, #found, 2 do
    local job = read_job(found[index])
    if not job or job.more.g ~= id then
      find(job and "misplaced_job" or "missing_record", uuid(found[index]), "stands in " .. key .. " and is "
        .. (job and "of another group" or "not on record"),
        function() redis.call("ZREM", key, found[index]) end)
    else
      local weight = job.more.wt or 1
      if job.state == RUNNING then read_progress(job) end
      seen[job.state], seen.weight = seen[job.state] + 1, seen.weight + weight
      seen.done = seen.done + weight * (is_terminal(job.state) and 1000 or math.max(job.reported or 0, 0))
    end
    seen.after = "(" .. found[index + 1]
  end
  answer[1] = answer[1] + #found / 2
  if #found == 2 * limit then return seen end
  check_counts(group, seen, is_first)
  return false
end
