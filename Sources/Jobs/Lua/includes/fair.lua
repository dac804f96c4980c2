--- @include "includes/score"
-- Turns of users in a fair queue (start-time fair queueing). FAIR has, of each user with waiting jobs,
-- the tag of the last one accepted and how many there are; the queue's virtual time is the counter `v`.
local TURN = 1000000

local function fair_user(queue, user)
  local bytes = call("HGET", FAIR .. queue.name, user)
  if not bytes then return nil, 0 end
  return cmsgpack.unpack(bytes)
end

-- The base of a job that is accepted now.
local function fair_base(queue, user)
  local tag = fair_user(queue, user)
  local base = tonumber(call("HGET", queue.counters, "v") or 0)
  if tag and tag + TURN > base then base = tag + TURN end
  return HALF + base
end

local function fair_join(job, queue)
  local tag, jobs = fair_user(queue, job.user)
  local own = (job.more.b or HALF) - HALF
  if not tag or own > tag then tag = own end
  call("HSET", FAIR .. queue.name, job.user, cmsgpack.pack(tag, jobs + 1))
end

local function fair_leave(job, queue)
  local tag, jobs = fair_user(queue, job.user)
  if not tag then return end
  if jobs <= 1 then
    call("HDEL", FAIR .. queue.name, job.user)
  else
    call("HSET", FAIR .. queue.name, job.user, cmsgpack.pack(tag, jobs - 1))
  end
end

-- A job is taken: the queue's time is now its own.
local function fair_advance(job, queue)
  local own = (job.more.b or HALF) - HALF
  if own > tonumber(call("HGET", queue.counters, "v") or 0) then
    call("HSET", queue.counters, "v", own)
  end
end
