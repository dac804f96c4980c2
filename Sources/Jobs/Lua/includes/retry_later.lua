--- @include "includes/change"
--- @include "includes/free_place"
--- @include "includes/outcome"
--- @include "includes/postpone"
-- Let a job whose attempt failed wait for the next.
--
-- `policy` is {"own", delay} for the worker's own delay, else {growth, base, cap, jitter} for where neither
-- job nor queue has one; `random` 0 to 1.
local function retry_later(job, queue, text, policy, random)
  local more = job.more
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
end
