--- @include "includes/digits"
--- @include "includes/later"
--- @include "includes/user_chunk"
local function index_job(job)
  local number, user = job.number, job.user
  local place = number % 128
  local chunk = (number - place) / 128
  local newest = newest_chunks[user]
  if not newest then
    local first = redis.call("ZREVRANGE", USERS .. user, "0", "0")[1]
    newest = { first = first, size = first and redis.call("SCARD", user_chunk(first, user)) or 256 }
    newest_chunks[user] = newest
  end
  later("HSET", INDEX_CHUNKS .. digits(chunk), digits(place), job.id)
  local member = digits(number)
  if newest.size >= 256 then
    newest.first, newest.size = member, 0
    later("ZADD", USERS .. user, member, member)
  end
  newest.size = newest.size + 1
  later("SADD", user_chunk(newest.first, user), member)
end
