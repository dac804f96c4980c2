--- @include "includes/states"
--- @include "includes/counts"
--- @include "includes/fair"
--- @include "includes/wake"
-- Where a job waits. Each of these puts one somewhere or takes it away, and sets its state; the caller
-- keeps and tells it (change).

-- Into its queue, where it has a place in its user's window.
local function enter(job, queue)
  job.state = QUEUED
  call("ZADD", WAITING .. queue.name, score(job, queue), job.id)
  count(queue, "w" .. job.priority, 1)
  if queue.fair then fair_join(job, queue) end
  wake(queue)
end

local function parked_key(job) return BLOCKED_JOBS .. job.queue .. " " .. job.user end

-- Into its queue, or aside where its user has filled the window.
local function place(job, queue)
  local taken = call("HINCRBY", ADMITTED .. queue.name, job.user, 1)
  if queue.window and taken > queue.window then
    call("HINCRBY", ADMITTED .. queue.name, job.user, -1)
    job.state = BLOCKED
    call("ZADD", parked_key(job), score(job, queue), job.id)
    call("ZADD", PARKED_USERS .. queue.name, 0, job.user)
    count(queue, "b", 1)
    if queue.fair then fair_join(job, queue) end
  else
    enter(job, queue)
  end
end

-- Until the jobs it depends on have ended.
local function block(job, queue)
  job.state = BLOCKED
  call("ZADD", BLOCKED_JOBS .. queue.name, score(job, queue), job.id)
  count(queue, "b", 1)
  if queue.fair then fair_join(job, queue) end
end

-- Until a moment: `state` is SCHEDULED or RETRYING.
local function postpone(job, queue, due, state)
  job.state, job.more.du = state, due
  call("ZADD", DUE, due, job.id)
  count(queue, state, 1)
  if queue.fair then fair_join(job, queue) end
  -- Who waits must learn until when.
  wake(queue)
end

-- Out of wherever it waits. Whether it held a place in its user's window, which the caller then frees.
local function withdraw(job, queue)
  local state = job.state
  if queue.fair then fair_leave(job, queue) end
  if state == QUEUED then
    call("ZREM", WAITING .. queue.name, job.id)
    count(queue, "w" .. job.priority, -1)
    return true
  end
  count(queue, state, -1)
  if state ~= BLOCKED then
    call("ZREM", DUE, job.id)
  elseif job.more.pa then
    call("ZREM", BLOCKED_JOBS .. queue.name, job.id)
  else
    call("ZREM", parked_key(job), job.id)
    if call("EXISTS", parked_key(job)) == 0 then call("ZREM", PARKED_USERS .. queue.name, job.user) end
  end
  return false
end
