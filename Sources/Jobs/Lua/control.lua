--[[
  Change what becomes of a job from outside.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] retry, redrive, promote or reprioritise    ARGV[2] job id
  ARGV[3] for retry a delay in ms, for redrive the queue, for reprioritise the priority
  Touches: every family of keys
  Answers: describe… | false for an unknown id | {"wrong_state", state} | {"unique_key_taken", id}
           | {"draining"} | {"full", limit}
  Emits:   state, with reason retried, moved, promoted or reprioritised
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/reopen"
--- @include "includes/fair"
--- @include "includes/place"
--- @include "includes/postpone"
--- @include "includes/block"
--- @include "includes/withdraw"
--- @include "includes/free_place"
--- @include "includes/waiting"
--- @include "includes/change"
--- @include "includes/progress"
--- @include "includes/write_counts"
--- @include "includes/describe"

local verb, job = ARGV[1], read_job(ARGV[2])
if not job then return false end
local queue, more, state = queue_named(job.queue), job.more, job.state

local function wrong_state() return { "wrong_state", state } end

local function retry(delay)
  if state == RETRYING then
    withdraw(job, queue)
    more.pm, more.rep = nil, nil
    place(job, queue)
    return change(job, "retried")
  end
  if not is_terminal(state) then return wrong_state() end
  local holder = more.uk and unique_holder(job.user, job.queue, more.uk)
  if holder then return { "unique_key_taken", holder.id } end
  if queue.is_new then keep_queue(queue) end
  reopen(job, queue, delay > 0 and now + delay or nil)
  -- In its old place, and a turn all the same.
  if queue.fair then fair("turn", job, queue) end
  claim_keys(job)
  if delay > 0 then
    postpone(job, queue, now + delay, SCHEDULED)
  else
    place(job, queue)
  end
  change(job, "retried")
end

local function redrive(target)
  if state == RUNNING then return wrong_state() end
  local ended, holds_place = is_terminal(state), false
  if more.uk and (ended or target ~= queue) then
    local holder = unique_holder(job.user, target.name, more.uk)
    if holder then return { "unique_key_taken", holder.id } end
  end
  if target ~= queue then
    if target.mode ~= "a" and target.mode ~= "p" then return { "draining" } end
    if target.max_waiting and waiting(target) >= target.max_waiting then
      return { "full", target.max_waiting }
    end
  end
  if ended then
    -- Its keys are claimed below, where it goes: here another job may have them.
    reopen(job, queue)
  else
    holds_place = withdraw(job, queue)
    if holds_place and target ~= queue then free_place(queue, job.user) end
    if queue.fair and not more.st then fair("leave", job, queue) end
    if more.uk then drop_claim(unique_claim(job.user, job.queue, more.uk), job.id) end
  end
  if target.is_new then keep_queue(target) end
  job.queue, more.b, more.ag = target.name, nil, target.ageing
  claim_keys(job)
  if target.fair then
    more.b = fair("turn", job, target)
  elseif (more.o or target.order) == "l" then
    more.b = HALF - job.sequence
  end
  if more.pa then
    block(job, target)
  elseif state == SCHEDULED or state == RETRYING then
    postpone(job, target, more.du, state)
  elseif holds_place and target == queue then
    enter(job, target)
  else
    place(job, target)
  end
  change(job, "moved")
end

local function promote()
  if state ~= SCHEDULED and state ~= RETRYING then return wrong_state() end
  withdraw(job, queue)
  more.pm, more.rep = nil, nil
  place(job, queue)
  change(job, "promoted")
end

local function reprioritise(priority)
  if is_terminal(state) then return wrong_state() end
  if priority == job.priority then return end
  if state == QUEUED then count(queue, "w" .. job.priority, -1) end
  job.priority = priority
  if state == QUEUED then
    count(queue, "w" .. priority, 1)
    redis.call("ZADD", WAITING .. queue.name, score(job), job.id)
  elseif state == BLOCKED then
    redis.call("ZADD", more.pa and BLOCKED_JOBS .. queue.name or parked_key(job), score(job), job.id)
  elseif state == RUNNING then
    read_progress(job)
  end
  change(job, "reprioritised")
end

local refusal
if verb == "retry" then
  refusal = retry(tonumber(ARGV[3]))
elseif verb == "redrive" then
  refusal = redrive(queue_named(ARGV[3]))
elseif verb == "promote" then
  refusal = promote()
else
  refusal = reprioritise(tonumber(ARGV[3]))
end
write_counts()
return refusal or describe(job, true)
