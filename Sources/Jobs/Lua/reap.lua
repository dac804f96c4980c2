--[[
  Take jobs from workers that let their lease run out, and show those whose lease is about to.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] the most jobs of each kind    ARGV[2] losses a job survives    ARGV[3] amnesty ms
  ARGV[4] the warning, ms    ARGV[5] the failure of a job lost too often, packed
  Touches: every family of keys
  Answers: {pardoned: as many as PARDONS says if there may be more, {stalled ids}, {requeued ids}, {failed ids}, {cancelled ids}}
  Emits:   state running with reason stalled, for each once; state queued with reason lost, failed, or cancelled
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/stop"
--- @include "includes/put_back"
--- @include "includes/finish_stopped"
--- @include "includes/write_counts"

local limit, max_lost, amnesty, warning = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local before = redis.call("HGET", NUMBERS, "reaped")
local stalled, requeued, failed, cancelled = {}, {}, {}, {}

if before and now - before > amnesty then
  -- Nobody watched: Redis was away, and so nobody could have renewed.
  local overdue, extended = redis.call("ZRANGEBYSCORE", LEASES, "-inf", now, "LIMIT", 0, PARDONS), {}
  for index, id in ipairs(overdue) do extended[2 * index - 1], extended[2 * index] = now + amnesty, id end
  if overdue[1] then redis.call("ZADD", LEASES, unpack(extended)) end
  -- The silence lasts until none is left.
  if #overdue < PARDONS then redis.call("HSET", NUMBERS, "reaped", now) end
  return { #overdue, stalled, requeued, failed, cancelled }
end
redis.call("HSET", NUMBERS, "reaped", now)

local function show_stalled(job)
  job.more.sl = true
  read_progress(job)
  change(job, "stalled")
  stalled[#stalled + 1] = job.id
end

for _, id in ipairs(redis.call("ZRANGEBYSCORE", LEASES, "-inf", now, "LIMIT", 0, limit)) do
  local job = read_job(id)
  if job and job.state == RUNNING then
    local queue, more = queue_named(job.queue), job.more
    -- Nobody looked in the time of the warning: whoever watches is told all the same, first.
    if not more.sl then show_stalled(job) end
    stop(job, queue)
    count(queue, "lost", 1)
    job.lost = job.lost + 1
    if more.x then
      more.v = more.v + 1
      finish_stopped(job, queue)
      local ended = job.state == FAILED and failed or cancelled
      ended[#ended + 1] = id
    elseif job.lost >= max_lost then
      more.v = more.v + 1
      finish(job, queue, FAILED, ARGV[5])
      failed[#failed + 1] = id
    else
      -- Not the job's fault: the attempt does not count.
      put_back(job, queue, "lost")
      requeued[#requeued + 1] = id
    end
  else
    redis.call("ZREM", LEASES, id)
  end
end

-- Those that were shown before are passed over: they are the oldest.
local skip = 0
while #stalled < limit do
  local near = redis.call("ZRANGEBYSCORE", LEASES, "(" .. now, "(" .. now + warning, "LIMIT", skip, limit)
  for _, id in ipairs(near) do
    local job = read_job(id)
    if job and job.state == RUNNING and not job.more.sl and #stalled < limit then show_stalled(job) end
  end
  if #near < limit then break end
  skip = skip + limit
end
write_counts()
return { 0, stalled, requeued, failed, cancelled }
