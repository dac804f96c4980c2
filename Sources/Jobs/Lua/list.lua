--[[
  A page of jobs, newest first.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] below which number, or ""    ARGV[2] the most jobs to give    ARGV[3] the most to look at
  ARGV[4] what they match, a MessagePack map: user, states (letters), queue, kind, since ms, till ms, ended_before ms
  Touches: JOBS INDEX INDEX_CHUNKS USERS USER_CHUNKS, and what describe reads
  Answers: {number to go on below, or false after the last; describe… for each}
  Emits:   nothing
]]
--- @include "includes/now"
--- @include "includes/user_chunk"
--- @include "includes/describe"

local below, wanted, look = tonumber(ARGV[1]) or math.huge, tonumber(ARGV[2]), tonumber(ARGV[3])
local filter = cmsgpack.unpack(ARGV[4])
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

local function matches(job)
  if filter.states and not string.find(filter.states, job.state, 1, true) then return false end
  if filter.queue and filter.queue ~= job.queue then return false end
  if filter.kind and filter.kind ~= job.kind then return false end
  if filter.ended_before and not (job.more.fi and job.more.fi < filter.ended_before) then return false end
  return not filter.till or created_at(job) < filter.till
end

local answer = { false }
while true do
  local entries = chunk_below(below)
  if not entries then break end
  for _, entry in ipairs(entries) do
    local number, id = entry[1], entry[2]
    if number < below then
      if wanted == 0 or look == 0 then
        answer[1] = below
        return answer
      end
      look, below = look - 1, number
      id = id or redis.call("HGET", INDEX_CHUNKS .. math.floor(number / 128), number % 128)
      local job = id and read_job(id)
      if job and filter.since and created_at(job) < filter.since then return answer end
      if job and matches(job) then
        wanted = wanted - 1
        answer[#answer + 1] = describe(job, false)
      end
    end
  end
  below = math.min(below, entries.first)
end
return answer
