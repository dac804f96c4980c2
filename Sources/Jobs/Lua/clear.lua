--[[
  Cancel and forget jobs of a queue, of one state that is not running.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] queue    ARGV[2] state    ARGV[3] the most jobs    ARGV[4] the failure they get, packed
  ARGV[5] how many of DUE to skip: other queues' jobs stand there too
  Touches: every family of keys
  Answers: {how many went, how many of DUE to skip in the next call, -1 when none is left}
  Emits:   state cancelled of those that had not ended
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/finish"
--- @include "includes/withdraw"
--- @include "includes/forget"
--- @include "includes/write_counts"

local name, state, limit, skip = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5])
local queue = queue_named(name)
local gone = 0

local function clear(id)
  local job = read_job(id)
  if not job or job.queue ~= name then return false end
  -- One that was blocked when this began may have ended, or be let go on, with its parent.
  if job.state ~= state and (state ~= BLOCKED or job.state == RUNNING) then return false end
  gone = gone + 1
  if is_terminal(job.state) then
    forget(job)
  else
    withdraw(job, queue)
    job.more.rm = true
    finish(job, queue, CANCELLED, ARGV[4])
  end
  return true
end

local function clear_all(ids)
  for _, id in ipairs(ids) do clear(id) end
end

local resume = -1
if state == QUEUED then
  -- A place that is freed lets a parked job in, which is queued then.
  while gone < limit do
    local ids = redis.call("ZRANGE", WAITING .. name, 0, limit - gone - 1)
    if #ids == 0 then break end
    clear_all(ids)
  end
elseif state == BLOCKED then
  clear_all(redis.call("ZRANGE", BLOCKED_JOBS .. name, 0, limit - 1))
  for _, user in ipairs(redis.call("ZRANGE", PARKED_USERS .. name, 0, limit - gone - 1)) do
    if gone < limit then
      clear_all(redis.call("ZRANGE", BLOCKED_JOBS .. name .. " " .. user, 0, limit - gone - 1))
    end
  end
elseif is_terminal(state) then
  clear_all(redis.call("ZRANGE", FINISHED .. state .. ":" .. name, 0, limit - 1))
else
  local ids = redis.call("ZRANGE", DUE, skip, skip + 499)
  for _, id in ipairs(ids) do
    if gone == limit then break end
    if not clear(id) then skip = skip + 1 end
  end
  if #ids == 500 then resume = skip end
end
write_counts()
return { gone, resume }
