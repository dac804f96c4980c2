--[[
  Give a worker the next jobs of its queues, each under a lease with a new token.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] worker    ARGV[2] duration ms    ARGV[3] the most jobs to give    ARGV[4…] queues, in order
  Touches: JOBS PAYLOADS WAITING WAKE RETRIES LEASES REPORTS RESULTS
  Answers: {deadline ms, {id, queue, token, kind, user, attempt, max attempts, timeout, payload}…}
  Emits:   state running for each; state queued for each retry that became due
]]
--- @include "keys"
--- @include "includes/now"
--- @include "includes/words"
--- @include "includes/pack"
--- @include "includes/emit"
--- @include "includes/wake"
--- @include "includes/score"
--- @include "includes/requeue"
--- @include "includes/promote"

local worker, deadline, limit = ARGV[1], now + ARGV[2], tonumber(ARGV[3])
local answer = { deadline }
-- Never one that an undone history gave out: after a crash of Redis's machine the clock is ahead.
local clock = micros - 1735689600000000
promote()

for place = 4, #ARGV do
  local queue = ARGV[place]
  local wanted = limit - (#answer - 1)
  if wanted <= 0 then break end
  local popped = redis.call("ZPOPMIN", WAITING .. queue, wanted)
  for index = 1, #popped, 2 do
    local id = popped[index]
    local job = JOBS .. id
    local state, kind, user, attempt, max_attempts, timeout, token, offset, epoch, started =
      unpack(redis.call("HMGET", job, "s", "k", "u", "a", "ma", "to", "v", "e", "ep", "st"))
    if state == QUEUED then
      -- What the attempt before failed of is history now.
      if attempt ~= "0" then redis.call("DEL", RESULTS .. id) end
      token = string.format("%.0f", math.max(token + 1, clock))
      attempt, offset = attempt + 1, offset + 1
      redis.call("HSET", job, "s", RUNNING, "a", attempt, "v", token, "w", worker, "e", offset,
        "t", now, "st", started or now)
      redis.call("ZADD", LEASES, deadline, id)
      emit(id, user, "s a " .. offset .. " " .. attempt .. " " .. now .. " -1 0 " .. epoch, "", "",
        "", "")
      answer[#answer + 1] = { id, queue, token, kind, user, attempt, max_attempts, timeout,
        redis.call("GET", PAYLOADS .. id) or "{}" }
    end
  end
  if #popped == 2 * wanted and redis.call("EXISTS", WAITING .. queue) == 1 then wake(queue) end
end
return answer
