--[[
  Every worker that was heard of lately.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] how long a lost worker is listed, ms
  Touches: WORKERS WORKERS_SEEN WORKERS_WANTED WORKER_JOBS
  Answers: {now, then for each: worker, seen ms, packed duration and report, wanted mode or false, {job ids}}
  Emits:   nothing
]]
--- @include "keys"
--- @include "includes/now"

local answer = { now }
local seen = call("ZRANGEBYSCORE", WORKERS_SEEN, "(" .. now - ARGV[1], "+inf", "WITHSCORES")
for index = 1, #seen, 2 do
  local worker, n = seen[index], #answer
  answer[n + 1], answer[n + 2] = worker, seen[index + 1]
  answer[n + 3] = call("HGET", WORKERS, worker)
  answer[n + 4] = call("HGET", WORKERS_WANTED, worker)
  answer[n + 5] = call("SMEMBERS", WORKER_JOBS .. worker)
end
return answer
