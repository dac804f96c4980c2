--[[
  Read the feed for a consumer, and note how far it got. Entries are numbered one after the other.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] register, forget, read, commit, release or standings    ARGV[2] consumer
  register: ARGV[3] the bound of the feed
  read: ARGV[3] holder    ARGV[4] lease, ms    ARGV[5] the most entries
  commit: ARGV[3] holder    ARGV[4] the number of the last entry
  release: ARGV[3] holder
  Touches: FEED FEED_CONSUMERS NUMBERS JOBS RESULTS
  Answers: register, release: {"ok"}; forget: {1 if it was there, else 0}
           read: {"held"} | {"ok", how many were lost, then of each entry number, bytes, a long result or false, 1
           if the result was long and is gone, else 0}
           commit: {"ok"} | {"lost"}
           standings: of each consumer name, how many entries wait, the first of them or false, how many it lost
  Emits:   nothing
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/digits"
--- @include "includes/record"

local verb, name = ARGV[1], ARGV[2]

local function number_of(entry) return tonumber(string.sub(entry[1], 3)) end

-- A consumer: the number of the last entry it committed, who reads for it until when, and how many it lost.
local function read_consumer(name)
  local bytes = redis.call("HGET", FEED_CONSUMERS, name)
  if not bytes then return nil end
  local position, holder, ends, lost = cmsgpack.unpack(bytes)
  return { position = position, holder = holder, ends = ends, lost = lost }
end

local function keep_consumer(name, consumer)
  redis.call("HSET", FEED_CONSUMERS, name,
    cmsgpack.pack(consumer.position, consumer.holder, consumer.ends, consumer.lost))
end

local function entries_after(position, limit)
  return redis.call("XRANGE", FEED, "0-" .. digits(position + 1), "+", "COUNT", limit)
end

local function last_number()
  local last = redis.call("XREVRANGE", FEED, "+", "-", "COUNT", "1")[1]
  return last and number_of(last)
end

-- Before the first entry that is there, or behind all that ever were.
local function beginning()
  local first = entries_after(0, "1")[1]
  if first then return number_of(first) - 1 end
  if redis.call("EXISTS", FEED) == 0 then return 0 end
  local facts = redis.call("XINFO", "STREAM", FEED)
  for index = 1, #facts, 2 do
    if facts[index] == "last-generated-id" then return tonumber(string.sub(facts[index + 1], 3)) end
  end
end

local function registered(name)
  local consumer = read_consumer(name)
  if not consumer then
    consumer = { position = beginning(), holder = false, ends = 0, lost = 0 }
    keep_consumer(name, consumer)
  end
  return consumer
end

-- Let go of what all have passed.
local function trim()
  local least
  for _, bytes in ipairs(redis.call("HVALS", FEED_CONSUMERS)) do
    local position = cmsgpack.unpack(bytes)
    least = math.min(least or position, position)
  end
  if least then redis.call("XTRIM", FEED, "MINID", "=", "0-" .. digits(least + 1)) end
end

if verb == "register" then
  redis.call("HSET", NUMBERS, "feed_bound", ARGV[3])
  redis.call("XTRIM", FEED, "MAXLEN", "=", ARGV[3])
  registered(name)
  return { "ok" }
elseif verb == "forget" then
  local there = redis.call("HDEL", FEED_CONSUMERS, name)
  trim()
  return { there }
elseif verb == "standings" then
  local answer, all = {}, redis.call("HGETALL", FEED_CONSUMERS)
  local last = last_number()
  for index = 1, #all, 2 do
    local position, _, _, lost = cmsgpack.unpack(all[index + 1])
    local first = entries_after(position, "1")[1]
    local behind = 0
    if first then
      behind, lost = last - number_of(first) + 1, lost + number_of(first) - position - 1
    end
    answer[#answer + 1] = { all[index], behind, first and first[2][2] or false, lost }
  end
  return answer
elseif verb == "release" then
  local consumer = read_consumer(name)
  if consumer and consumer.holder == ARGV[3] then
    consumer.holder, consumer.ends = false, 0
    keep_consumer(name, consumer)
  end
  return { "ok" }
elseif verb == "commit" then
  local consumer = read_consumer(name)
  if not consumer or consumer.holder ~= ARGV[3] then return { "lost" } end
  consumer.position = math.max(consumer.position, tonumber(ARGV[4]))
  keep_consumer(name, consumer)
  trim()
  return { "ok" }
end

local consumer = registered(name)
if consumer.holder and consumer.holder ~= ARGV[3] and consumer.ends > now then return { "held" } end
local lease = tonumber(ARGV[4])
local is_changed = consumer.holder ~= ARGV[3] or consumer.ends < now + lease / 2
if is_changed then consumer.holder, consumer.ends = ARGV[3], now + lease end
local found, lost = entries_after(consumer.position, ARGV[5]), 0
if found[1] and number_of(found[1]) > consumer.position + 1 then
  lost = number_of(found[1]) - consumer.position - 1
  consumer.position, consumer.lost, is_changed = number_of(found[1]) - 1, consumer.lost + lost, true
end
if is_changed then keep_consumer(name, consumer) end
-- About a megabyte at most, and one entry at least.
local answer, room = { "ok", lost }, 1048576
for _, entry in ipairs(found) do
  local id, bytes, _, long = unpack(entry[2])
  local result, gone = false, 0
  if long then
    local job = read_job(id)
    -- Another offset would be another life of it.
    result = job and job.offset == tonumber(long) and redis.call("GET", RESULTS .. id) or false
    gone = result and 0 or 1
  end
  room = room - #bytes - (result and #result or 0)
  if room < 0 and #answer > 2 then break end
  local n = #answer
  answer[n + 1], answer[n + 2], answer[n + 3], answer[n + 4] = number_of(entry), bytes, result, gone
end
return answer
