--- @include "includes/change"
--- @include "includes/progress"
-- Renew leases, pairs of id and token in `pairs_of` from `first` on, to `deadline`. Appends to `answer` a
-- word for each: held, cancel or lost.
local function extend_leases(answer, deadline, pairs_of, first)
  for index = first, #pairs_of, 2 do
    local job = read_job(pairs_of[index])
    if not job or job.state ~= RUNNING or job.more.v ~= tonumber(pairs_of[index + 1]) then
      answer[#answer + 1] = "lost"
    else
      redis.call("ZADD", LEASES, "XX", deadline, job.id)
      if job.more.sl then
        job.more.sl = nil
        read_progress(job)
        change(job, "recovered")
      end
      answer[#answer + 1] = job.more.x and "cancel" or "held"
    end
  end
end
