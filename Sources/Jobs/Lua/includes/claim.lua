--- @include "includes/claims"
-- Let a new job have the keys it was asked for with.
local function claim(job, asked)
  if asked.key then
    job.more.ik = asked.key
    redis.call("SET", idempotency_claim(job.user, asked.key), asked.fingerprint .. job.id,
      "PX", asked.remembered)
  end
  claim_keys(job)
end
