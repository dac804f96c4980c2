--- @include "includes/user_chunk"
local function index_job(job)
  local number, user = job.number, job.user
  local place = number % 128
  local chunk = (number - place) / 128
  redis.call("HSET", INDEX_CHUNKS .. chunk, place, job.id)
  if place == 0 then redis.call("ZADD", INDEX, chunk, chunk) end
  local last = redis.call("ZREVRANGE", USERS .. user, 0, 0)[1]
  if not last or redis.call("SCARD", user_chunk(last, user)) >= 256 then
    last = number
    redis.call("ZADD", USERS .. user, number, number)
  end
  redis.call("SADD", user_chunk(last, user), number)
end
