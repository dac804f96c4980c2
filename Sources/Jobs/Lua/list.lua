--[[
  A page of jobs, newest first.

  Jobs that were accepted here stand in the order of their numbers, which is that of their acceptance; those
  that were restored have numbers too, but in the order in which they came: their places are in RESTORED. A
  page is both, merged.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] below which number, and ARGV[2] below which place among those restored, or ""
  ARGV[3] the most jobs to give    ARGV[4] the most to look at
  ARGV[5] what they match, a MessagePack map: user, states (letters), queue, kind, since ms, till ms,
          ended_before ms
  Touches: JOBS INDEX INDEX_CHUNKS USERS USER_CHUNKS RESTORED USERS_RESTORED, and what describe reads
  Answers: {where to go on, "number_place", each empty for from the first, or false after the last;
            describe… for each}
  Emits:   nothing
]]
--- @flags no-writes
--- @include "includes/now"
--- @include "includes/user_chunk"
--- @include "includes/describe"

local below, place = tonumber(ARGV[1]) or math.huge, tonumber(ARGV[2]) or math.huge
local wanted, look = tonumber(ARGV[3]), tonumber(ARGV[4])
local filter = cmsgpack.unpack(ARGV[5])
local user = filter.user

-- The newest chunk that may hold a number below: its entries {number, id or false}, newest first.
local function chunk_below(limit)
  local entries = {}
  if user then
    local first = redis.call("ZREVRANGEBYSCORE", USERS .. user, limit == math.huge and "+inf" or limit - 1, "-inf",
      "LIMIT", 0, 1)[1]
    if not first then return nil end
    for _, number in ipairs(redis.call("SMEMBERS", user_chunk(first, user))) do
      entries[#entries + 1] = { tonumber(number), false }
    end
    entries.first = tonumber(first)
  else
    local chunk = redis.call("ZREVRANGEBYSCORE", INDEX,
      limit == math.huge and "+inf" or math.floor((limit - 1) / 128), "-inf", "LIMIT", 0, 1)[1]
    if not chunk then return nil end
    local fields = redis.call("HGETALL", INDEX_CHUNKS .. chunk)
    for index = 1, #fields, 2 do
      entries[#entries + 1] = { chunk * 128 + fields[index], fields[index + 1] }
    end
    entries.first = chunk * 128
  end
  table.sort(entries, function(a, b) return a[1] > b[1] end)
  return entries
end

local is_tired, entries, at = false, nil, 0

-- Whether another record may be looked at.
local function may_look()
  is_tired = look == 0
  look = look - 1
  return not is_tired
end

-- The next job that was accepted here; nil where there is none, or enough was looked at. It is passed when
-- `below` is set to its number.
local function next_numbered()
  while true do
    while not entries or not entries[at] do
      if entries then below = math.min(below, entries.first) end
      entries, at = chunk_below(below), 1
      if not entries then return nil end
    end
    local number, id = entries[at][1], entries[at][2]
    if number < below then
      if not may_look() then return nil end
      id = id or redis.call("HGET", INDEX_CHUNKS .. math.floor(number / 128), number % 128)
      local job = id and read_job(id)
      -- Under another number: what is left of an acceptance that failed, or was forgotten.
      if job and job.number == number and not job.more.rs then return job end
      below = number
    end
    at = at + 1
  end
end

local restored, first = {}, 1

-- The next that was restored, likewise with `place`.
local function next_restored()
  while true do
    if not restored[first] then
      restored, first = redis.call("ZREVRANGEBYSCORE", user and USERS_RESTORED .. user or RESTORED,
        place == math.huge and "+inf" or string.format("(%.17g", place), "-inf", "WITHSCORES", "LIMIT", 0, 50), 1
      if not restored[1] then return nil end
    end
    if not may_look() then return nil end
    local job = read_job(restored[first])
    if job and job.more.rs then return job end
    place = tonumber(restored[first + 1])
    first = first + 2
  end
end

local function matches(job)
  if filter.states and not string.find(filter.states, job.state, 1, true) then return false end
  if filter.queue and filter.queue ~= job.queue then return false end
  if filter.kind and filter.kind ~= job.kind then return false end
  if filter.ended_before and not (job.more.fi and job.more.fi < filter.ended_before) then return false end
  return not filter.till or created_at(job) < filter.till
end

local answer = { false }
local numbered, other = next_numbered(), nil
if not is_tired then other = next_restored() end
while not is_tired and (numbered or other) do
  local is_other = not numbered or other and other.more.rs > numbered.sequence
  local job = is_other and other or numbered
  if filter.since and created_at(job) < filter.since then return answer end
  if wanted == 0 then
    is_tired = true
    break
  end
  if matches(job) then
    wanted = wanted - 1
    answer[#answer + 1] = describe(job, false)
  end
  if is_other then
    place, first = job.more.rs, first + 2
    other = next_restored()
  else
    below, at = job.number, at + 1
    numbered = next_numbered()
  end
end
if is_tired then
  answer[1] = (below == math.huge and "" or string.format("%.0f", below)) .. "_"
    .. (place == math.huge and "" or string.format("%.17g", place))
end
return answer
