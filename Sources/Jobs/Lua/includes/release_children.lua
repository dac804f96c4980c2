--- @include "includes/change"
--- @include "includes/place"
--- @include "includes/postpone"
--- @include "includes/withdraw"
--- @include "includes/failure"
--- @include "includes/uuid"
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
  more.pa, more.ps = nil, nil
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
    local id = redis.call("ZPOPMIN", key)[1]
    if not id then return redis.call("ZREM", ENDED_PARENTS, state .. parent) end
    children_left = children_left - 1
    local child = read_job(id)
    if child and child.state == BLOCKED and child.more.pa then release_child(child, parent, state) end
  end
  if redis.call("EXISTS", key) == 1 then redis.call("ZADD", ENDED_PARENTS, now, state .. parent) end
end
