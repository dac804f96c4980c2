--[[
  Declare tokens void, and tell every node.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] j and a token's id, or s and a user    ARGV[2] how long it is remembered at least, ms
  ARGV[3] when it was made, ms, or "" for now    ARGV[4] until when it is remembered at least, ms, or ""
  Touches: REVOKED REVOCATION_ENDS
  Answers: {when it was made, until when it is remembered, ms, 1 if any of it is new, else 0}
  Emits:   the revocation, to every node, if any of it is new
]]
--- @flags allow-oom
--- @include "includes/now"

local subject = ARGV[1]
local at, ends = tonumber(ARGV[3]) or now, math.max(now + ARGV[2], tonumber(ARGV[4]) or 0)
-- What is over goes here, a piece at a time.
for _, over in ipairs(redis.call("ZRANGEBYSCORE", REVOCATION_ENDS, "-inf", now, "LIMIT", 0, 100)) do
  redis.call("ZREM", REVOCATION_ENDS, over)
  redis.call("HDEL", REVOKED, over)
end
local known_at = tonumber(redis.call("HGET", REVOKED, subject) or -1)
local known_end = tonumber(redis.call("ZSCORE", REVOCATION_ENDS, subject) or -1)
if at <= known_at and ends <= known_end or ends <= now then return { known_at, known_end, 0 } end
at, ends = math.max(at, known_at), math.max(ends, known_end)
redis.call("HSET", REVOKED, subject, at)
redis.call("ZADD", REVOCATION_ENDS, ends, subject)
redis.call("PUBLISH", CONTROL, cmsgpack.pack({ "revoked", subject, at, ends }))
return { at, ends, 1 }
