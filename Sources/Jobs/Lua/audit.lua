--[[
  Look for what cannot be, in a piece of the store, and mend it where asked to.

  The counts of a queue are checked in one step. Where more of its jobs wait, are due or run than one step
  may look at, it compares cardinalities, which takes no longer for a million: levels by the bands of their
  scores, the rest by sums. The jobs of a group are counted in pieces, and what they say is believed if it
  did not change meanwhile.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] "1" to mend    ARGV[2] stage: records, sets, queues, groups or keys    ARGV[3] position in it
  ARGV[4] the most to look at    ARGV[5] the most jobs of a set that are looked at where it has to be at once
  Touches: every family of keys
  Answers: {how many were looked at, stage and position to go on at or false and false after the last,
            then kind, subject, detail, 1 if it was mended, for each finding}
  Emits:   a group that was mended, and its callback where that ends it
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/find"
--- @include "includes/counts"
--- @include "includes/record"
--- @include "includes/is_terminal"
--- @include "includes/score"
--- @include "includes/parked_key"
--- @include "includes/uuid"
--- @include "includes/check_job"
--- @include "includes/check_queue"
--- @include "includes/check_group"
--- @include "includes/write_counts"

local stage, position, limit = ARGV[2], ARGV[3], tonumber(ARGV[4])

-- The set a job stands in, by its state, and its score there.
local function home(job, queue)
  local state, more = job.state, job.more
  if state == QUEUED then return WAITING .. job.queue, score(job) end
  -- Overdue: the reaper finds out whose it is.
  if state == RUNNING then return LEASES, now end
  if state == BLOCKED then return more.pa and BLOCKED_JOBS .. job.queue or parked_key(job), score(job) end
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
  check_job(job, queue)
  if not job.payload and redis.call("EXISTS", PAYLOADS .. id) == 0 then
    find("missing_record", name, "has lost its payload")
  end
  if job.state == RUNNING and redis.call("SISMEMBER", WORKER_JOBS .. job.more.h, id) == 0 then
    find("misplaced_job", name, "is not among the jobs of its worker", function()
      redis.call("SADD", WORKER_JOBS .. job.more.h, id)
    end)
  end
  local group = job.more.g and read_group(job.more.g)
  -- A group may have been forgotten, and another made under its name since.
  if group and created_at(job) >= group.created and not redis.call("ZSCORE", GROUP_JOBS .. group.id, id) then
    find("misplaced_job", name, "is not among the jobs of its group", function()
      redis.call("ZADD", GROUP_JOBS .. group.id, job.sequence, id)
    end)
  end
end

-- Every set of jobs there is, in a lasting order.
local function sets()
  local keys, names = { LEASES, DUE, LIMITS, RESTORED }, redis.call("HKEYS", QUEUES)
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
  elseif key == RESTORED then
    if not job.more.rs then find("misplaced_job", uuid(id), "was accepted here and stands in " .. key, drop) end
  else
    local wanted, place = home(job, queue_named(job.queue))
    local is = tonumber(redis.call("ZSCORE", key, id))
    -- Leases are renewed, and ends that come together counted on: these are no more than near.
    local room = job.state == RUNNING and math.huge or is_terminal(job.state) and 1000000 or 0
    if wanted ~= key then
      find("misplaced_job", uuid(id), "stands in " .. key .. ", which its state does not ask for", drop)
    elseif math.abs(is - place) > room then
      find("misplaced_job", uuid(id), "stands in " .. key .. " at a place that is not its own",
        function() redis.call("ZADD", key, string.format("%.17g", place), id) end)
    end
  end
end

-- A piece of a listing: what it names is on record.
local function check_listing_key(key, is_chunk, is_users)
  if is_chunk then
    local fields = redis.call("HGETALL", key)
    for index = 1, #fields, 2 do
      if redis.call("HEXISTS", JOBS, fields[index + 1]) == 0 then
        find("missing_record", uuid(fields[index + 1]), "stands in " .. key .. " and is not on record",
          function() redis.call("HDEL", key, fields[index]) end)
      end
    end
  elseif is_users then
    for _, number in ipairs(redis.call("SMEMBERS", key)) do
      local id = redis.call("HGET", INDEX_CHUNKS .. math.floor(number / 128), number % 128)
      if not id or redis.call("HEXISTS", JOBS, id) == 0 then
        find("missing_record", key, "has the number " .. number .. ", which no job has",
          function() redis.call("SREM", key, number) end)
      end
    end
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
  local function id_in(family)
    return string.sub(key, 1, #family) == family and string.sub(key, #family + 1)
  end
  local id = id_in(GROUPS)
  if id and not redis.call("ZSCORE", GROUP_INDEX, id) then
    find("misplaced_job", uuid(id), "is not in the listing of all groups",
      function() redis.call("ZADD", GROUP_INDEX, 0, id) end)
  end
  id = id_in(GROUP_JOBS)
  if id and redis.call("EXISTS", GROUPS .. id) == 0 then
    find("orphan", key, "belongs to no group", function() redis.call("UNLINK", key) end)
  end
  id = id_in(GROUP_CALLBACKS)
  local group = id and read_group(id)
  if id and (not group or group.state == "f") then
    find("orphan", key, "belongs to no group that it waits for", function() redis.call("DEL", key) end)
  end
  check_listing_key(key, id_in(INDEX_CHUNKS), id_in(USER_CHUNKS))
  local name = id_in(FAIR)
  if name and not queue_named(name).fair then
    find("orphan", key, "has turns in a queue that is not fair", function() redis.call("UNLINK", key) end)
  end
  local worker = id_in(WORKER_JOBS)
  for _, member in ipairs(worker and redis.call("SMEMBERS", key) or {}) do
    local job = read_job(member)
    if not job or job.state ~= RUNNING or job.more.h ~= worker then
      find(job and "misplaced_job" or "missing_record", uuid(member), "stands in " .. key
        .. " and does not run there", function() redis.call("SREM", key, member) end)
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
    check_queue(queue_named(names[number]), tonumber(ARGV[5]), names, number == 1)
    answer[1] = 1
    answer[2], answer[3] = stage, tostring(number + 1)
  else
    answer[2], answer[3] = "groups", "-"
  end
elseif stage == "groups" then
  -- The group, and behind it, where some of its jobs are left, what was seen of those.
  local id, rest = string.match(position, "^(%S+)(.*)$")
  local seen
  if rest ~= "" then
    seen = {}
    for field, value in string.gmatch(rest, " (%a+)=(%S+)") do seen[field] = tonumber(value) or value end
  end
  while answer[1] < limit do
    if not seen then
      id = redis.call("ZRANGEBYLEX", GROUP_INDEX, id == "-" and "-" or "(" .. id, "+", "LIMIT", 0, 1)[1]
      if not id then break end
      answer[1] = answer[1] + 1
    end
    seen = check_group(id, seen, math.max(1, limit - answer[1]))
  end
  if id then
    local words = { id }
    for field, value in pairs(seen or {}) do
      words[#words + 1] = field .. "=" .. (type(value) == "number" and string.format("%.0f", value) or value)
    end
    answer[2], answer[3] = stage, table.concat(words, " ")
  else
    answer[2], answer[3] = "keys", "0"
  end
else
  -- A piece of a listing has some hundred entries, and most keys may be such.
  local page = redis.call("SCAN", position, "COUNT", math.ceil(limit / 16))
  for _, key in ipairs(page[2]) do
    if string.sub(key, 1, #KEYS[1]) == KEYS[1] then
      answer[1] = answer[1] + 1
      check_key(key)
    end
  end
  if page[1] ~= "0" then answer[2], answer[3] = stage, page[1] end
end
write_counts()
return answer
