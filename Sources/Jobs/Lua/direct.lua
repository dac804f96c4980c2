--[[
  Tell a worker what to be, or let it go.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] worker    ARGV[2] the mode, or "" where it ended in order
  Touches: WORKERS WORKERS_SEEN WORKERS_WANTED
  Answers: 1, or 0 for an unknown worker
  Emits:   a directive
]]
--- @flags allow-oom

local worker, mode = ARGV[1], ARGV[2]
if mode == "" then
  redis.call("HDEL", WORKERS_WANTED, worker)
  redis.call("ZREM", WORKERS_SEEN, worker)
  return redis.call("HDEL", WORKERS, worker)
end
if redis.call("HEXISTS", WORKERS, worker) == 0 then return 0 end
redis.call("HSET", WORKERS_WANTED, worker, mode)
redis.call("PUBLISH", DIRECTIVES .. worker, "M " .. mode)
return 1
