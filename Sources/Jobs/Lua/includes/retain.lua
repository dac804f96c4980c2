--- @include "includes/forget"
-- How long ended jobs are kept where the queue says nothing: ms, and how many.
local KEPT = { c = { 86400000 }, f = { 7 * 86400000 }, x = { 86400000 } }
local retained = 0

local function forget_ids(key, ids)
  for _, id in ipairs(ids) do
    local job = read_job(id)
    if job then forget(job) else call("ZREM", key, id) end
  end
  return #ids
end

-- Forget what of a queue's ended jobs is beyond the bounds, at most `limit` of each; how many went.
local function prune(queue, state, limit)
  local key = FINISHED .. state .. ":" .. queue.name
  local rule = queue.keep and queue.keep[state] or KEPT[state]
  local gone = forget_ids(key,
    call("ZRANGEBYSCORE", key, "-inf", micros - rule[1] * 1000, "LIMIT", 0, limit))
  if rule[2] then
    local beyond = math.min(call("ZCARD", key) - rule[2], limit)
    if beyond > 0 then gone = gone + forget_ids(key, call("ZRANGE", key, 0, beyond - 1)) end
  end
  return gone
end

-- Keep a job that has just ended for its time, among those that ended alike.
local function retain(job, queue)
  -- Those that end in one step keep their order.
  retained = retained + 1
  call("ZADD", FINISHED .. job.state .. ":" .. queue.name, micros + retained, job.id)
  prune(queue, job.state, 64)
end
