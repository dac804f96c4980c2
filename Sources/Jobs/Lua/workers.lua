--[[
  Every worker that was heard of lately.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] how long a lost worker is listed, ms
  Touches: WORKERS WORKERS_SEEN WORKERS_WANTED WORKER_JOBS
  Answers: {now, then for each: worker, seen ms, packed duration and report, wanted mode or false, {job ids}}
  Emits:   nothing
]]
--- @flags no-writes
--- @include "includes/now"

local answer = { now }
local seen = redis.call("ZRANGEBYSCORE", WORKERS_SEEN, "(" .. now - ARGV[1], "+inf", "WITHSCORES")
for index = 1, #seen, 2 do
  local worker, n = seen[index], #answer
  answer[n + 1], answer[n + 2] = worker, seen[index + 1]
  answer[n + 3] = redis.call("HGET", WORKERS, worker)
  answer[n + 4] = redis.call("HGET", WORKERS_WANTED, worker)
  answer[n + 5] = redis.call("SMEMBERS", WORKER_JOBS .. worker)
end
return answer
