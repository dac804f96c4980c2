--- @include "includes/stop"
--- @include "includes/finish"
-- End a lease; exactly one settlement of it is accepted. Answers with the letter of the state it led to,
-- or false where the lease was no longer the caller's.
--
-- `outcome` is complete, fail, fail_finally, release, snooze or cancel; `text` the result, the failure packed, or
-- how long nobody is to get it, ms.
local function settle_job(id, token, outcome, text, policy, random)
  local job = read_job(id)
  if not job or job.more.v ~= token then return false end
  local more = job.more
  if job.state ~= RUNNING then
    -- Its own token on an ended job: this settlement was accepted, and its answer lost on the way.
    return is_terminal(job.state) and job.state
  end
  local queue = queue_named(job.queue)
  stop(job, queue, outcome == "snooze" and not more.x)

  if outcome == "complete" then
    more.pm = 1000
    finish(job, queue, COMPLETED, text)
  elseif more.x then
    --- @include "includes/finish_stopped"
    finish_stopped(job, queue, outcome == "cancel" and not more.xg and text or nil)
  elseif outcome == "cancel" then
    finish(job, queue, CANCELLED, text)
  elseif outcome == "release" then
    --- @include "includes/put_back"
    put_back(job, queue, "released")
  elseif outcome == "snooze" then
    --- @include "includes/snooze"
    snooze(job, queue, tonumber(text))
  elseif outcome == "fail" and job.attempt < (more.m or queue.attempts or 3) then
    --- @include "includes/retry_later"
    retry_later(job, queue, text, policy, random)
  else
    finish(job, queue, FAILED, text)
  end
  return job.state
end
