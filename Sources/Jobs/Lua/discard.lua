--[[
  Forget jobs without a word: they are kept elsewhere now. Running ones are passed over.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1…] job ids
  Touches: what clear touches
  Answers: how many went
  Emits:   nothing, but for jobs that come into a window
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/queue"
--- @include "includes/withdraw"
--- @include "includes/fair"
--- @include "includes/free_place"
--- @include "includes/drop_claims"
--- @include "includes/forget"
--- @include "includes/is_terminal"
--- @include "includes/write_counts"

local gone = 0
for _, id in ipairs(ARGV) do
  local job = read_job(id)
  if job and job.state ~= RUNNING then
    local queue = queue_named(job.queue)
    if not is_terminal(job.state) then
      if withdraw(job, queue) then free_place(queue, job.user) end
      if queue.fair and not job.more.st then fair("leave", job, queue) end
      if job.more.sb or job.more.eb then redis.call("ZREM", LIMITS, id) end
      drop_claims(job)
      if job.more.g then
        --- @include "includes/leave_group"
        leave_group(job)
      end
    end
    forget(job)
    gone = gone + 1
  end
end
write_counts()
return gone
