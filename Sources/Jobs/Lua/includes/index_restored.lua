-- The place of a restored job in the listing, by its sequence: where another has that, as close behind it as
-- numbers of this size can be told apart.
local function index_restored(job)
  local place = job.more.rs or job.sequence
  while redis.call("ZCOUNT", RESTORED, string.format("%.17g", place), string.format("%.17g", place)) > 0 do
    place = place + 0.0078125
  end
  job.more.rs = place
  redis.call("ZADD", RESTORED, string.format("%.17g", place), job.id)
  redis.call("ZADD", USERS_RESTORED .. job.user, string.format("%.17g", place), job.id)
end
