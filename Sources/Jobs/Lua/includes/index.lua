-- The listing of all jobs, and of each user's, in the order of their numbers.
--
-- Chunks stay small enough for Redis's compact forms: 128 ids by number in a hash (INDEX_CHUNKS), up
-- to 256 numbers in a set of integers for a user (USER_CHUNKS). The chunks that exist are named in
-- sorted sets (INDEX, USERS), so that a reader skips what was forgotten. A user's chunk is named by the
-- first number that went into it.
local function user_chunk(first, user) return USER_CHUNKS .. first .. " " .. user end

local function index_job(job)
  local number, user = job.number, job.user
  local place = number % 128
  local chunk = (number - place) / 128
  call("HSET", INDEX_CHUNKS .. chunk, place, job.id)
  if place == 0 then call("ZADD", INDEX, chunk, chunk) end
  local last = call("ZREVRANGE", USERS .. user, 0, 0)[1]
  if not last or call("SCARD", user_chunk(last, user)) >= 256 then
    last = number
    call("ZADD", USERS .. user, number, number)
  end
  call("SADD", user_chunk(last, user), number)
end

local function unindex_job(job)
  local number, user = job.number, job.user
  local place = number % 128
  local chunk = (number - place) / 128
  call("HDEL", INDEX_CHUNKS .. chunk, place)
  -- The newest chunk keeps its name: more may go into it.
  if call("EXISTS", INDEX_CHUNKS .. chunk) == 0
    and chunk < math.floor(call("HGET", NUMBERS, "number") / 128) then
    call("ZREM", INDEX, chunk)
  end
  local first = call("ZREVRANGEBYSCORE", USERS .. user, number, "-inf", "LIMIT", 0, 1)[1]
  if not first then return end
  call("SREM", user_chunk(first, user), number)
  if call("EXISTS", user_chunk(first, user)) == 0 then call("ZREM", USERS .. user, first) end
end
