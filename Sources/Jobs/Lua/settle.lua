--[[
  End a lease; exactly one settlement of a lease is accepted.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] job id    ARGV[2] token
  ARGV[3] outcome   complete | fail | release | cancel
  ARGV[4] text      the result, or the failure packed, or ""
  ARGV[5] lifetime of a completed or cancelled record, ms    ARGV[6] of a failed one
  For fail: ARGV[7] base of the delay, ms, or "never"    ARGV[8] its cap, ms    ARGV[9] jitter
  ARGV[10] random   0 to 1, from the caller
  Touches: JOBS RESULTS REPORTS PAYLOADS LOGS WAITING WAKE RETRIES LEASES INDEX USERS FINISHED
  Answers: {"settled", state} | {"lease_lost"}
  Emits:   state completed, failed, cancelled, retrying or queued
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

local id, token, outcome, text = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local job = JOBS .. id
local state, held, queue, user, attempt, max_attempts, cancelled, cancellation, offset, epoch,
  permille, priority, sequence = unpack(redis.call("HMGET", job, "s", "v", "q", "u", "a", "ma", "cx",
  "cr", "e", "ep", "pg", "p", "sq"))

if state ~= RUNNING or held ~= token then
  -- Its own token on an ended job: this settlement was accepted, and its answer lost on the way.
  if held == token and is_terminal(state) then return { "settled", state } end
  return { "lease_lost" }
end

redis.call("ZREM", LEASES, id)
offset = offset + 1
if cancelled and (outcome == "fail" or outcome == "release") then
  outcome, text = "cancel", cancellation
end

if outcome == "release" then
  redis.call("HSET", job, "s", QUEUED, "a", attempt - 1, "e", offset, "t", now)
  requeue(id, queue, priority, sequence)
  emit(id, user, "s w " .. offset .. " " .. attempt - 1 .. " " .. now .. " -1 0 " .. epoch,
    "released", "", "", "")
  return { "settled", QUEUED }
end

permille = permille or -1
local report = permille ~= -1 and redis.call("GET", REPORTS .. id) or ""

if outcome == "fail" and ARGV[7] ~= "never" and tonumber(attempt) < tonumber(max_attempts) then
  local delay = math.min(ARGV[8], ARGV[7] * 2 ^ math.min(attempt - 1, 30))
  delay = math.floor(delay * (1 - ARGV[9] + ARGV[9] * ARGV[10]))
  redis.call("HSET", job, "s", RETRYING, "e", offset, "t", now)
  redis.call("HDEL", job, "w")
  redis.call("SET", RESULTS .. id, text)
  redis.call("ZADD", RETRIES, now + delay, id)
  -- Who waits must learn until when.
  wake(queue)
  emit(id, user, "s y " .. offset .. " " .. attempt .. " " .. now .. " " .. permille .. " 0 " .. epoch,
    "", report, "", text)
  return { "settled", RETRYING }
end

local result, failure, lifetime = "", text, ARGV[5]
if outcome == "complete" then
  state, permille, result, failure = COMPLETED, 1000, text, ""
elseif outcome == "fail" then
  state, lifetime = FAILED, ARGV[6]
else
  state = CANCELLED
end
redis.call("HSET", job, "s", state, "f", now, "t", now, "e", offset, "pg", permille)
if text ~= "" then
  redis.call("SET", RESULTS .. id, text, "PX", lifetime)
else
  redis.call("DEL", RESULTS .. id)
end
retire(id, user, lifetime)
emit(id, user, "s " .. state .. " " .. offset .. " " .. attempt .. " " .. now .. " " .. permille
  .. " 0 " .. epoch, "", report, result, failure)
return { "settled", state }
