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
    --- @defer fair "includes/fair"
    fair("leave", job, queue)
  end
  job.state, more.fi = state, now
  set_outcome(job, text)
  more.x, more.xg, more.xf, more.xe = nil, nil, nil, nil
  more.sl, more.h, more.du, more.pa, more.ps, more.at = nil, nil, nil, nil, nil, nil
  if more.sb or more.eb then redis.call("ZREM", LIMITS, job.id) end
  if more.uk or more.ck then
    --- @defer drop_claims "includes/drop_claims"
    drop_claims(job)
  end
  count(queue, "t" .. state, 1)
  tally(queue, state)
  if state == FAILED then redis.call("HSET", queue.counters, "failed", now, "failure", text) end
  local removed, has_children = more.rm, more.ch
  more.rm, more.ch = nil, nil
  change(job, reason)
  if from == RUNNING or from == QUEUED then free_place(queue, job.user) end
  if has_children then
    --- @defer release_children "includes/release_children"
    release_children(job.id, state)
  end
  local states = ends[queue.name] or {}
  ends[queue.name], states[state] = states, (states[state] or 0) + 1
  if removed then
    --- @defer forget "includes/forget"
    return forget(job)
  end
  -- Those that end in one step keep their order.
  ended = ended + 1
  redis.call("ZADD", FINISHED .. state .. ":" .. queue.name, micros + ended, job.id)
end
