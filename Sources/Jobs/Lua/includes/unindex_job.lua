--- @include "includes/digits"
--- @include "includes/user_chunk"
local function unindex_job(job)
  local number, user = job.number, job.user
  local place = number % 128
  local chunk = (number - place) / 128
  redis.call("HDEL", INDEX_CHUNKS .. chunk, digits(place))
  -- The newest chunk keeps its name: more may go into it.
  if redis.call("EXISTS", INDEX_CHUNKS .. chunk) == 0
    and chunk < math.floor(redis.call("HGET", NUMBERS, "number") / 128) then
    redis.call("ZREM", INDEX, chunk)
  end
  local first = redis.call("ZREVRANGEBYSCORE", USERS .. user, digits(number), "-inf", "LIMIT", "0", "1")[1]
  if not first then return end
  redis.call("SREM", user_chunk(first, user), number)
  newest_chunks[user] = nil
  if redis.call("EXISTS", user_chunk(first, user)) == 0 then redis.call("ZREM", USERS .. user, first) end
end
