--- @include "includes/claims"
-- By which of its keys a submission was made before: the job and the name of the key, "key_reused" alone
-- where it was made otherwise, nil where it is new.
local function claimed(asked, user, queue, kind)
  local used = asked.key and redis.call("GET", idempotency_claim(user, asked.key))
  -- A key may outlive the record it led to; then there is nothing to repeat.
  local earlier = used and read_job(string.sub(used, 17))
  if earlier then
    if string.sub(used, 1, 16) ~= asked.fingerprint then return "key_reused" end
    return earlier, "idempotency_key"
  end
  local holder = asked.uk and unique_holder(user, queue, asked.uk)
  if holder then return holder, "unique_key" end
  holder = asked.ck and content_holder(user, kind, asked.ck)
  if holder then return holder, "content_key" end
end
