--- @include "includes/later"
--- @include "includes/unindex_job"
--- @include "includes/claims"
-- Let go of an ended job and of everything kept of it.
local function forget(job)
  local id, more = job.id, job.more
  carry_out_all()
  records[id] = false
  redis.call("ZREM", FINISHED .. job.state .. ":" .. job.queue, id)
  redis.call("HDEL", JOBS, id)
  redis.call("DEL", PAYLOADS .. id, RESULTS .. id, LOGS .. id, PROGRESS .. id)
  unindex_job(job)
  if more.rs then
    redis.call("ZREM", RESTORED, id)
    redis.call("ZREM", USERS_RESTORED .. job.user, id)
  end
  if more.g then redis.call("ZREM", GROUP_JOBS .. more.g, id) end
  if more.ck then drop_content_claim(job) end
end
