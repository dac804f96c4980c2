--[[
  Tell a worker what to be, or let it go.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] worker    ARGV[2] the mode, or "" where it ended in order
  Touches: WORKERS WORKERS_SEEN WORKERS_WANTED
  Answers: 1, or 0 for an unknown worker
  Emits:   a directive
]]
--- @include "keys"

local worker, mode = ARGV[1], ARGV[2]
if mode == "" then
  call("HDEL", WORKERS_WANTED, worker)
  call("ZREM", WORKERS_SEEN, worker)
  return call("HDEL", WORKERS, worker)
end
if call("HEXISTS", WORKERS, worker) == 0 then return 0 end
call("HSET", WORKERS_WANTED, worker, mode)
call("PUBLISH", DIRECTIVES .. worker, "M " .. mode)
return 1
