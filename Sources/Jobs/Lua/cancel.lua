--[[
  Cancel a job: at once if no worker has it, else by asking its worker to stop.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] job id    ARGV[2] the failure, packed    ARGV[3] lifetime of a cancelled record, ms
  Touches: JOBS RESULTS REPORTS PAYLOADS LOGS WAITING RETRIES INDEX USERS FINISHED
  Answers: the job as it then stands | false
  Emits:   state cancelled; or state running with reason cancelling, the first time, and a directive
           to the worker
]]
--- @include "keys"
--- @include "includes/now"
--- @include "includes/words"
--- @include "includes/pack"
--- @include "includes/emit"
--- @include "includes/retire"
--- @include "includes/read_job"

local id, failure, lifetime = ARGV[1], ARGV[2], ARGV[3]
local job = JOBS .. id
local state, queue, user, worker, cancelled, offset, epoch, attempt, permille, token = unpack(
  redis.call("HMGET", job, "s", "q", "u", "w", "cx", "e", "ep", "a", "pg", "v"))
if not state then return false end

if state == RUNNING then
  if not cancelled then
    offset = offset + 1
    redis.call("HSET", job, "cx", now, "cr", failure, "e", offset, "t", now)
    emit(id, user, "s a " .. offset .. " " .. attempt .. " " .. now .. " " .. (permille or -1) .. " 1 "
      .. epoch, "cancelling", redis.call("GET", REPORTS .. id) or "", "", "")
  end
  redis.call("PUBLISH", DIRECTIVES .. worker, id)
elseif not is_terminal(state) then
  offset = offset + 1
  redis.call("ZREM", WAITING .. queue, id)
  redis.call("ZREM", RETRIES, id)
  -- A new token: who held the last lease did not end the job.
  redis.call("HSET", job, "s", CANCELLED, "f", now, "t", now, "e", offset, "v",
    string.format("%.0f", token + 1))
  redis.call("SET", RESULTS .. id, failure, "PX", lifetime)
  retire(id, user, lifetime)
  emit(id, user, "s x " .. offset .. " " .. attempt .. " " .. now .. " " .. (permille or -1) .. " 0 "
    .. epoch, "", redis.call("GET", REPORTS .. id) or "", "", failure)
end
return read_job(id, true)
