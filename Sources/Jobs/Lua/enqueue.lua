--[[
  Accept a job, unless the same submission was accepted before.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] job id        ARGV[2] queue           ARGV[3] kind            ARGV[4] user
  ARGV[5] priority      ARGV[6] max attempts    ARGV[7] timeout         ms, or ""
  ARGV[8] epoch         ARGV[9] payload
  ARGV[10] idempotency key, scoped to the user, or ""
  ARGV[11] fingerprint of the request            ARGV[12] lifetime of the idempotency key, ms
  Touches: JOBS PAYLOADS WAITING WAKE INDEX USERS SEQUENCE IDEMPOTENCY
  Answers: {"accepted", time ms, rank} | {"replay", job id} | {"key_reused"}
  Emits:   state queued, offset 1
]]
--- @include "keys"
--- @include "includes/now"
--- @include "includes/pack"
--- @include "includes/emit"
--- @include "includes/wake"
--- @include "includes/score"

local id, queue, kind, user, priority, max_attempts, timeout, epoch, payload, key, fingerprint,
  lifetime = unpack(ARGV)
local job = JOBS .. id

if redis.call("EXISTS", job) == 1 then return { "replay", id } end
if key ~= "" then
  local used = redis.call("GET", IDEMPOTENCY .. key)
  if used then
    local earlier = string.sub(used, 17)
    -- A key may outlive the record it led to; then there is nothing to repeat.
    if redis.call("EXISTS", JOBS .. earlier) == 1 then
      if string.sub(used, 1, 16) ~= fingerprint then return { "key_reused" } end
      return { "replay", earlier }
    end
  end
  redis.call("SET", IDEMPOTENCY .. key, fingerprint .. id, "PX", lifetime)
end

local sequence = redis.call("INCR", SEQUENCE)
redis.call("HSET", job, "s", "w", "q", queue, "k", kind, "u", user, "p", priority, "a", 0,
  "ma", max_attempts, "to", timeout, "v", 0, "c", now, "t", now, "sq", sequence, "e", 1, "ep", epoch)
redis.call("SET", PAYLOADS .. id, payload)
redis.call("ZADD", INDEX, sequence, id)
redis.call("ZADD", USERS .. user, sequence, id)
redis.call("ZADD", WAITING .. queue, score(priority, sequence), id)
wake(queue)
emit(id, user, "s w 1 0 " .. now .. " -1 0 " .. epoch, "", "", "", "")
return { "accepted", now, redis.call("ZRANK", WAITING .. queue, id) }
