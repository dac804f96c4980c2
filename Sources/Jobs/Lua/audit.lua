--[[
  Look for what cannot be, in a piece of the store, and mend it where asked to.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] "1" to mend    ARGV[2] stage: records, sets, queues or keys    ARGV[3] position in it
  ARGV[4] the most to look at
  Touches: every family of keys
  Answers: {how many were looked at, stage and position to go on at or false and false after the last,
            then kind, subject, detail, 1 if it was mended, for each finding}
  Emits:   nothing
]]
--- @include "includes/now"
--- @include "includes/counts"
--- @include "includes/record"
--- @include "includes/is_terminal"
--- @include "includes/score"
--- @include "includes/parked_key"
--- @include "includes/index_job"
--- @include "includes/uuid"

local mends, stage, position, limit = ARGV[1] == "1", ARGV[2], ARGV[3], tonumber(ARGV[4])
local answer = { 0, false, false }

-- `mend` is done where that is asked for.
local function find(kind, subject, detail, mend)
  local n = #answer
  answer[n + 1], answer[n + 2], answer[n + 3] = kind, subject, detail
  answer[n + 4] = mends and mend and 1 or 0
  if mends and mend then mend() end
end

-- The set a job stands in, by its state, and its score there.
local function home(job, queue)
  local state, more = job.state, job.more
  if state == QUEUED then return WAITING .. job.queue, score(job, queue) end
  -- Overdue: the reaper finds out whose it is.
  if state == RUNNING then return LEASES, now end
  if state == BLOCKED then return more.pa and BLOCKED_JOBS .. job.queue or parked_key(job), score(job, queue) end
  if state == SCHEDULED or state == RETRYING then return DUE, more.du or now end
  return FINISHED .. state .. ":" .. job.queue, (more.fi or now) * 1000
end

local function check_record(id)
  local job = read_job(id)
  if not job then return end
  local name, queue = uuid(id), queue_named(job.queue)
  local key, place = home(job, queue)
  if not redis.call("ZSCORE", key, id) then
    find(job.state == RUNNING and "missing_lease" or "misplaced_job", name,
      "is not in " .. key .. ", as its state asks for", function()
        redis.call("ZADD", key, place, id)
        if job.state == BLOCKED and not job.more.pa then
          redis.call("ZADD", PARKED_USERS .. job.queue, 0, job.user)
        end
      end)
  end
  local slot = job.number % 128
  if redis.call("HGET", INDEX_CHUNKS .. (job.number - slot) / 128, slot) ~= id then
    find("misplaced_job", name, "is not in the listing of all jobs", function()
      index_job(job)
      redis.call("ZADD", INDEX, (job.number - slot) / 128, (job.number - slot) / 128)
    end)
  end
  if not job.payload and redis.call("EXISTS", PAYLOADS .. id) == 0 then
    find("missing_record", name, "has lost its payload")
  end
  if job.state == RUNNING and redis.call("SISMEMBER", WORKER_JOBS .. job.more.h, id) == 0 then
    find("misplaced_job", name, "is not among the jobs of its worker", function()
      redis.call("SADD", WORKER_JOBS .. job.more.h, id)
    end)
  end
end

-- Every set of jobs there is, in a lasting order.
local function sets()
  local keys, names = { LEASES, DUE, LIMITS }, redis.call("HKEYS", QUEUES)
  for _, name in ipairs(redis.call("SMEMBERS", DELETED_QUEUES)) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    keys[#keys + 1] = WAITING .. name
    keys[#keys + 1] = BLOCKED_JOBS .. name
    for _, user in ipairs(redis.call("ZRANGE", PARKED_USERS .. name, 0, -1)) do
      keys[#keys + 1] = BLOCKED_JOBS .. name .. " " .. user
    end
    for _, state in ipairs({ COMPLETED, FAILED, CANCELLED }) do
      keys[#keys + 1] = FINISHED .. state .. ":" .. name
    end
  end
  return keys
end

local function check_member(key, id)
  local job = read_job(id)
  local function drop() redis.call("ZREM", key, id) end
  if not job then
    find("missing_record", uuid(id), "stands in " .. key .. " and is not on record", drop)
  elseif key == LIMITS then
    if is_terminal(job.state) then find("misplaced_job", uuid(id), "has ended and a limit of its time yet", drop) end
  elseif home(job, queue_named(job.queue)) ~= key then
    find("misplaced_job", uuid(id), "stands in " .. key .. ", which its state does not ask for", drop)
  end
end

-- The jobs of a queue that wait for their time or run, by state, and those queued and running by user.
local function recount(queue)
  local counts, users = {}, {}
  for _, key in ipairs({ WAITING .. queue.name, DUE, LEASES }) do
    for _, id in ipairs(redis.call("ZRANGE", key, 0, -1)) do
      local job = read_job(id)
      if job and job.queue == queue.name then
        local field = job.state == QUEUED and "w" .. job.priority or job.state
        counts[field] = (counts[field] or 0) + 1
        if job.state == QUEUED or job.state == RUNNING then users[job.user] = (users[job.user] or 0) + 1 end
      end
    end
  end
  counts.b = redis.call("ZCARD", BLOCKED_JOBS .. queue.name)
  for _, user in ipairs(redis.call("ZRANGE", PARKED_USERS .. queue.name, 0, -1)) do
    counts.b = counts.b + redis.call("ZCARD", BLOCKED_JOBS .. queue.name .. " " .. user)
  end
  return counts, users
end

local function check_queue(queue)
  local counts, users = recount(queue)
  for _, field in ipairs({ "w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "w9", "w10", "b", "d", "y", "a" }) do
    local is = tonumber(redis.call("HGET", queue.counters, field) or 0)
    local wanted = counts[field] or 0
    if is ~= wanted then
      find("wrong_count", queue.name, "counts " .. is .. " as " .. field .. ", and there are " .. wanted,
        function() redis.call("HSET", queue.counters, field, wanted) end)
    end
  end
  local admitted = redis.call("HGETALL", ADMITTED .. queue.name)
  for index = 1, #admitted, 2 do
    local user, is = admitted[index], tonumber(admitted[index + 1])
    local wanted = users[user] or 0
    users[user] = nil
    if is ~= wanted then
      find("wrong_count", queue.name, "counts " .. is .. " places of " .. user .. ", and there are " .. wanted,
        function()
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

local function check_key(key)
  for _, family in ipairs({ PAYLOADS, RESULTS, LOGS, PROGRESS }) do
    if string.sub(key, 1, #family) == family then
      local id = string.sub(key, #family + 1)
      if redis.call("HEXISTS", JOBS, id) == 0 then
        find("orphan", key, "belongs to no job", function() redis.call("DEL", key) end)
      end
    end
  end
  -- A key of idempotency may outlive its job; a unique one may not.
  if string.sub(key, 1, #CLAIMS + 1) == CLAIMS .. "u" then
    local job = read_job(redis.call("GET", key))
    if not job or is_terminal(job.state) then
      find("orphan", key, "is held by no job", function() redis.call("DEL", key) end)
    end
  end
end

if stage == "records" then
  local page = redis.call("HSCAN", JOBS, position, "COUNT", limit)
  for index = 1, #page[2], 2 do check_record(page[2][index]) end
  answer[1] = #page[2] / 2
  if page[1] == "0" then
    answer[2], answer[3] = "sets", "1 0"
  else
    answer[2], answer[3] = stage, page[1]
  end
elseif stage == "sets" then
  local keys, number, first = sets(), string.match(position, "(%d+) (%d+)")
  number, first = tonumber(number), tonumber(first)
  while keys[number] and answer[1] < limit do
    local members = redis.call("ZRANGE", keys[number], first, first + limit - answer[1] - 1)
    local before = redis.call("ZCARD", keys[number])
    for _, id in ipairs(members) do check_member(keys[number], id) end
    answer[1] = answer[1] + #members
    -- What was dropped moved those behind it up.
    first = first + #members - (before - redis.call("ZCARD", keys[number]))
    if first >= redis.call("ZCARD", keys[number]) then number, first = number + 1, 0 end
  end
  if keys[number] then
    answer[2], answer[3] = stage, number .. " " .. first
  else
    answer[2], answer[3] = "queues", "1"
  end
elseif stage == "queues" then
  local names = redis.call("HKEYS", QUEUES)
  table.sort(names)
  local number = tonumber(position)
  if names[number] then
    check_queue(queue_named(names[number]))
    answer[1] = 1
    answer[2], answer[3] = stage, tostring(number + 1)
  else
    answer[2], answer[3] = "keys", "0"
  end
else
  local page = redis.call("SCAN", position, "COUNT", limit)
  for _, key in ipairs(page[2]) do
    if string.sub(key, 1, #KEYS[1]) == KEYS[1] then
      answer[1] = answer[1] + 1
      check_key(key)
    end
  end
  if page[1] ~= "0" then answer[2], answer[3] = stage, page[1] end
end
return answer
