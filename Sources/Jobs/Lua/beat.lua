--[[
  The heartbeat of a worker: note what it says, renew its leases, tell what it is wanted to be, and give back
  what it never heard that it was given.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] worker    ARGV[2] duration ms    ARGV[3] its report, packed
  ARGV[4] the time, ms, that its last heartbeat was answered with, or ""
  ARGV[5…] job id and token, for each lease
  Touches: WORKERS WORKERS_SEEN WORKERS_WANTED WORKER_JOBS JOBS LEASES PROGRESS, and what a release touches
  Answers: {the mode wanted or false, the time, ms, for each lease "held" | "cancel" | "lost"}
  Emits:   state running, reason recovered, of those that were shown as stalled; queued, reason released, of
           those that are given back
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/extend_leases"

local worker, heard = ARGV[1], tonumber(ARGV[4])
redis.call("HSET", WORKERS, worker, cmsgpack.pack(tonumber(ARGV[2]), ARGV[3]))
redis.call("ZADD", WORKERS_SEEN, now, worker)
local answer = { redis.call("HGET", WORKERS_WANTED, worker), now }
extend_leases(answer, now + ARGV[2], ARGV, 5)
local held = 0
for index = 3, #answer do
  if answer[index] ~= "lost" then held = held + 1 end
end
if heard and redis.call("SCARD", WORKER_JOBS .. worker) > held then
  --- @include "includes/release_unheard"
  release_unheard(worker, heard, ARGV, 5)
end
return answer
