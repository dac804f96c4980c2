--- @include "includes/digits"
--- @include "includes/later"
--- @include "includes/counts"
--- @include "includes/change"
--- @include "includes/free_place"
--- @include "includes/outcome"
--- @include "includes/ends"
-- End a job that waits nowhere and runs nowhere any more.
local finish
local ended = 0
-- How many that depend on others are let go on in one step; the rest is maintenance's (promote.lua).
local children_left = 64

finish = function(job, queue, state, text, reason)
  local more = job.more
  local from = job.state
  if queue.fair and from ~= RUNNING and not more.st then
    --- @include "includes/fair"
    fair("leave", job, queue)
  end
  job.state, more.fi = state, now
  set_outcome(job, text)
  -- Lua makes room for a name that is set to nil where it was not: only what there is, is cleared.
  if more.x then more.x, more.xg, more.xf, more.xe = nil, nil, nil, nil end
  if more.du then more.du = nil end
  if more.pa then more.pa, more.ps = nil, nil end
  if more.sb or more.eb then redis.call("ZREM", LIMITS, job.id) end
  if more.uk or more.ck then
    --- @include "includes/drop_claims"
    drop_claims(job)
  end
  count(queue, "t" .. state, 1)
  tally(queue, state)
  if state == FAILED then redis.call("HSET", queue.counters, "failed", now, "failure", text) end
  local removed, has_children = more.rm, more.ch
  if removed then more.rm = nil end
  if has_children then more.ch = nil end
  change(job, reason)
  if from == RUNNING or from == QUEUED then free_place(queue, job.user) end
  if has_children then
    --- @include "includes/release_children"
    release_children(job.id, state)
  end
  local states = ends[queue.name] or {}
  ends[queue.name], states[state] = states, (states[state] or 0) + 1
  if removed then
    --- @include "includes/forget"
    return forget(job)
  end
  -- Those that end in one step keep their order.
  ended = ended + 1
  later("ZADD", FINISHED .. state .. ":" .. queue.name, digits(micros + ended), job.id)
end
