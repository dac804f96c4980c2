--- @include "includes/place"
--- @include "includes/window"
--- @include "includes/change"
--- @include "includes/retain"
--- @include "includes/outcome"
--- @include "includes/failure"
--- @include "includes/uuid"
-- End a job that waits nowhere and runs nowhere any more.
local finish

-- Jobs that depend on others and are let go on in one step; the rest is maintenance's (release.lua).
local children_left = 64

local function release_child(child, parent, state)
  local queue, more = queue_named(child.queue), child.more
  if state ~= COMPLETED and more.pr ~= "r" then
    withdraw(child, queue)
    return finish(child, queue, more.pr == "f" and FAILED or CANCELLED,
      failure("parent_failed", "Job " .. uuid(parent) .. ", which it depends on, did not complete."))
  end
  more.pa = more.pa - 1
  if more.pa > 0 then return write_job(child) end
  more.pa = 1
  withdraw(child, queue)
  more.pa = nil
  if more.du and more.du > now then
    postpone(child, queue, more.du, SCHEDULED)
  else
    place(child, queue)
  end
  change(child)
end

-- Let those go on that depend on a job which ended in `state`.
local function release_children(parent, state)
  local key = CHILDREN .. parent
  while children_left > 0 do
    local id = call("ZPOPMIN", key)[1]
    if not id then return call("ZREM", ENDED_PARENTS, state .. parent) end
    children_left = children_left - 1
    local child = read_job(id)
    if child and child.state == BLOCKED and child.more.pa then release_child(child, parent, state) end
  end
  if call("EXISTS", key) == 1 then call("ZADD", ENDED_PARENTS, now, state .. parent) end
end

finish = function(job, queue, state, text, reason)
  local more = job.more
  local from = job.state
  job.state, more.fi = state, now
  set_outcome(job, text)
  more.x, more.xf, more.xe, more.sl, more.h, more.du, more.pa, more.at =
    nil, nil, nil, nil, nil, nil, nil, nil
  if more.sb or more.eb then call("ZREM", LIMITS, job.id) end
  if more.uk then drop_claim(unique_claim(job.user, job.queue, more.uk), job.id) end
  if more.ck and state ~= COMPLETED then
    drop_claim(content_claim(job.user, job.kind, more.ck), job.id)
  end
  count(queue, "t" .. state, 1)
  tally(queue, state)
  if state == FAILED then
    call("HSET", queue.counters, "ended", now, "failed", now, "failure", text)
  else
    call("HSET", queue.counters, "ended", now)
  end
  local removed, has_children = more.rm, more.ch
  more.rm, more.ch = nil, nil
  change(job, reason)
  if from == RUNNING or from == QUEUED then free_place(queue, job.user) end
  if has_children then release_children(job.id, state) end
  if removed then forget(job) else retain(job, queue) end
end
