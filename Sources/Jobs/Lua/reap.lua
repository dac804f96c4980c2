--[[
  Take jobs from workers that let their lease run out.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] the most jobs to take    ARGV[2] losses a job survives    ARGV[3] amnesty ms
  ARGV[4] the failure of a job lost too often, packed
  ARGV[5] lifetime of a cancelled record, ms    ARGV[6] of a failed one
  Touches: JOBS RESULTS REPORTS PAYLOADS LOGS WAITING WAKE LEASES REAPED INDEX USERS FINISHED
  Answers: {pardoned, {requeued ids}, {failed ids}, {cancelled ids}}
  Emits:   state queued with reason lost, state failed, or state cancelled
]]
--- @include "keys"
--- @include "includes/now"
--- @include "includes/words"
--- @include "includes/pack"
--- @include "includes/emit"
--- @include "includes/wake"
--- @include "includes/score"
--- @include "includes/requeue"
--- @include "includes/retire"

local limit, max_lost, amnesty = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local before = redis.call("GETSET", REAPED, now)
local requeued, failed, cancelled = {}, {}, {}

if before and now - before > amnesty then
  -- Nobody watched: Redis was away, and so nobody could have renewed.
  local overdue = redis.call("ZRANGEBYSCORE", LEASES, "-inf", now)
  for _, id in ipairs(overdue) do redis.call("ZADD", LEASES, now + amnesty, id) end
  return { #overdue, requeued, failed, cancelled }
end

for _, id in ipairs(redis.call("ZRANGEBYSCORE", LEASES, "-inf", now, "LIMIT", 0, limit)) do
  redis.call("ZREM", LEASES, id)
  local job = JOBS .. id
  local state, queue, user, attempt, lost, priority, sequence, cancellation, offset, epoch, permille,
    token = unpack(redis.call("HMGET", job, "s", "q", "u", "a", "dl", "p", "sq", "cr", "e", "ep", "pg",
    "v"))
  if state == RUNNING then
    lost, offset = (lost or 0) + 1, offset + 1
    redis.call("HSET", job, "dl", lost, "e", offset, "t", now,
      "v", string.format("%.0f", token + 1))
    if not cancellation and lost < max_lost then
      -- Not the job's fault: the attempt does not count.
      attempt = attempt - 1
      redis.call("HSET", job, "s", QUEUED, "a", attempt)
      requeue(id, queue, priority, sequence)
      emit(id, user, "s w " .. offset .. " " .. attempt .. " " .. now .. " -1 0 " .. epoch, "lost", "",
        "", "")
      requeued[#requeued + 1] = id
    else
      local ended = cancellation and cancelled or failed
      local failure = cancellation or ARGV[4]
      local lifetime = cancellation and ARGV[5] or ARGV[6]
      state = cancellation and CANCELLED or FAILED
      redis.call("HSET", job, "s", state, "f", now)
      redis.call("SET", RESULTS .. id, failure, "PX", lifetime)
      retire(id, user, lifetime)
      emit(id, user, "s " .. state .. " " .. offset .. " " .. attempt .. " " .. now .. " "
        .. (permille or -1) .. " 0 " .. epoch, "", redis.call("GET", REPORTS .. id) or "", "", failure)
      ended[#ended + 1] = id
    end
  end
end
return { 0, requeued, failed, cancelled }
