--- @include "includes/find"
--- @include "includes/queue"
--- @include "includes/record"
-- A queue's jobs in a set that they share with those of other queues, by state; nil where there are more than
-- one step may look at.
local function jobs_in(key, queue, most, users)
  if redis.call("ZCARD", key) > most then return nil end
  local counts = {}
  for _, id in ipairs(redis.call("ZRANGE", key, 0, -1)) do
    local job = read_job(id)
    if job and job.queue == queue.name then
      counts[job.state] = (counts[job.state] or 0) + 1
      if job.state == RUNNING then users[job.user] = (users[job.user] or 0) + 1 end
    end
  end
  return counts
end

-- How many queued jobs a queue has of each priority, and their users' where there are not too many.
--
-- Scores of one priority stand in one band, and those of an ageing queue above all bands: there, or where the
-- queue aged once, the jobs have to be looked at.
local function queued(queue, most, users)
  local key, counts = WAITING .. queue.name, {}
  local is_small = redis.call("ZCARD", key) <= most
  if is_small then
    for _, id in ipairs(redis.call("ZRANGE", key, 0, -1)) do
      local job = read_job(id)
      if job and job.queue == queue.name and job.state == QUEUED then
        counts["w" .. job.priority] = (counts["w" .. job.priority] or 0) + 1
        users[job.user] = (users[job.user] or 0) + 1
      end
    end
  elseif redis.call("ZCOUNT", key, 0, "+inf") > 0 then
    counts = nil
  else
    for level = 1, 10 do
      counts["w" .. level] = redis.call("ZCOUNT", key, string.format("%.0f", -level * BAND),
        string.format("(%.0f", (1 - level) * BAND))
    end
  end
  return counts, is_small
end

local function check_counters(queue, counts, fields)
  for _, field in ipairs(fields) do
    local is, wanted = tonumber(redis.call("HGET", queue.counters, field) or 0), counts[field] or 0
    if is ~= wanted then
      find("wrong_count", queue.name, "counts " .. is .. " as " .. field .. ", and there are " .. wanted,
        function() redis.call("HSET", queue.counters, field, wanted) end)
    end
  end
end

-- The sum of counters over some queues.
local function sum(queues, fields)
  local all = 0
  for _, queue in ipairs(queues) do
    for _, count in ipairs(redis.call("HMGET", COUNTERS .. queue, unpack(fields))) do
      all = all + (count or 0)
    end
  end
  return all
end

-- What cannot be counted one by one: the sum alone is told, and cannot be mended.
local function check_sum(subject, what, is, wanted)
  if is ~= wanted then
    find("wrong_count", subject, "counts " .. is .. " " .. what .. ", and there are " .. wanted
      .. ": too many to count one by one")
  end
end

local function check_places(queue, users)
  local admitted = redis.call("HGETALL", ADMITTED .. queue.name)
  for index = 1, #admitted, 2 do
    local user, is = admitted[index], tonumber(admitted[index + 1])
    local wanted = users[user] or 0
    users[user] = nil
    if is ~= wanted then
      find("wrong_count", queue.name,
        "counts " .. is .. " places of " .. user .. ", and there are " .. wanted, function()
          if wanted == 0 then
            redis.call("HDEL", ADMITTED .. queue.name, user)
          else
            redis.call("HSET", ADMITTED .. queue.name, user, wanted)
          end
        end)
    end
  end
  for user, wanted in pairs(users) do
    find("wrong_count", queue.name, "counts no places of " .. user .. ", and there are " .. wanted,
      function() redis.call("HSET", ADMITTED .. queue.name, user, wanted) end)
  end
end

local levels = { "w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "w9", "w10" }

-- Look whether a queue counts what there is. Sets of more than `most` jobs are not looked through: their
-- cardinalities are exact, but say less. Those that all queues share are summed up with the first of `names`.
local function check_queue(queue, most, names, is_first)
  local name, users = queue.name, {}
  local counts, is_small = queued(queue, most, users)
  local due, running = jobs_in(DUE, queue, most, users), jobs_in(LEASES, queue, most, users)
  local waiting = redis.call("ZCARD", WAITING .. name)
  if counts then
    check_counters(queue, counts, levels)
  else
    check_sum(name, "queued jobs", sum({ name }, levels), waiting)
  end
  local blocked = redis.call("ZCARD", BLOCKED_JOBS .. name)
  for _, user in ipairs(redis.call("ZRANGE", PARKED_USERS .. name, 0, -1)) do
    blocked = blocked + redis.call("ZCARD", BLOCKED_JOBS .. name .. " " .. user)
  end
  check_counters(queue, { b = blocked }, { "b" })
  if due then
    check_counters(queue, due, { SCHEDULED, RETRYING })
  elseif is_first then
    check_sum(DUE, "jobs of all queues", sum(names, { SCHEDULED, RETRYING }), redis.call("ZCARD", DUE))
  end
  if running then
    check_counters(queue, running, { RUNNING })
  elseif is_first then
    check_sum(LEASES, "jobs of all queues", sum(names, { RUNNING }), redis.call("ZCARD", LEASES))
  end
  if is_small and running then return check_places(queue, users) end
  local places = 0
  for _, taken in ipairs(redis.call("HVALS", ADMITTED .. name)) do places = places + taken end
  check_sum(name, "places", places, waiting + sum({ name }, { RUNNING }))
end
