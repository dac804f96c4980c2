--- @include "includes/digits"
--- @include "includes/counts"
--- @include "includes/change"
-- Queue the jobs whose time has come, at most `limit`, each at its old place; how many.
local function promote_due(limit)
  local promoted = 0
  for _, id in ipairs(redis.call("ZRANGEBYSCORE", DUE, "-inf", digits(now), "LIMIT", "0", digits(limit))) do
    local job = read_job(id)
    if job and (job.state == SCHEDULED or job.state == RETRYING) then
      --- @include "includes/withdraw"
      --- @include "includes/place"
      local queue, more = queue_named(job.queue), job.more
      withdraw(job, queue)
      more.pm, more.rep = nil, nil
      place(job, queue)
      change(job, "due")
      promoted = promoted + 1
    else
      redis.call("ZREM", DUE, id)
    end
  end
  return promoted
end
