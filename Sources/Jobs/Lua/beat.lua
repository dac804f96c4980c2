--[[
  The heartbeat of a worker: note what it says, renew its leases, tell what it is wanted to be.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] worker    ARGV[2] duration ms    ARGV[3] its report, packed    ARGV[4…] job id and token, for each lease
  Touches: WORKERS WORKERS_SEEN WORKERS_WANTED JOBS LEASES PROGRESS
  Answers: {the mode wanted or false, for each lease "held" | "cancel" | "lost"}
  Emits:   state running, reason recovered, of those that were shown as stalled
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/extend_leases"

local worker = ARGV[1]
redis.call("HSET", WORKERS, worker, cmsgpack.pack(tonumber(ARGV[2]), ARGV[3]))
redis.call("ZADD", WORKERS_SEEN, now, worker)
local answer = { redis.call("HGET", WORKERS_WANTED, worker) }
extend_leases(answer, now + ARGV[2], ARGV, 4)
return answer
