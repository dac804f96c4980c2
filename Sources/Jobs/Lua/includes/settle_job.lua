--- @include "includes/running"
-- End a lease; exactly one settlement of it is accepted. Answers with the letter of the state it led to,
-- or false where the lease was no longer the caller's.
--
-- `outcome` is complete, fail, fail_finally, release or cancel; `text` the result, or the failure packed;
-- `policy` of a failure {"own", delay} for the worker's own delay, else {growth, base, cap, jitter} for
-- where neither job nor queue has one; `random` 0 to 1.
local function settle_job(id, token, outcome, text, policy, random)
  local job = read_job(id)
  if not job or job.more.v ~= token then return false end
  local more = job.more
  if job.state ~= RUNNING then
    -- Its own token on an ended job: this settlement was accepted, and its answer lost on the way.
    return is_terminal(job.state) and job.state
  end
  local queue = queue_named(job.queue)
  stop(job, queue)

  if outcome == "complete" then
    more.pm = 1000
    finish(job, queue, COMPLETED, text)
  elseif more.x then
    finish_stopped(job, queue)
  elseif outcome == "cancel" then
    finish(job, queue, CANCELLED, text)
  elseif outcome == "release" then
    put_back(job, queue, "released")
  elseif outcome == "fail" and job.attempt < (more.m or queue.attempts or 3) then
    local delay = policy[2]
    if policy[1] ~= "own" then
      local growth, base, cap, jitter = unpack(more.rp or queue.retry or policy)
      delay = growth == "fixed" and math.min(cap, base)
        or math.min(cap, base * 2 ^ math.min(math.max(job.attempt - 1, 0), 30))
      delay = math.floor(delay * (1 - jitter + jitter * random))
    end
    more.v = more.v + 1
    set_outcome(job, text)
    count(queue, "ty", 1)
    tally(queue, RETRYING)
    postpone(job, queue, now + delay, RETRYING)
    change(job)
    free_place(queue, job.user)
  else
    finish(job, queue, FAILED, text)
  end
  return job.state
end
