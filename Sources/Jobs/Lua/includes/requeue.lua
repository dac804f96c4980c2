-- Put a job that had been taken back where it was: its sequence brings it to the front of its
-- priority. What it had reported belongs to an attempt that does not count.
local function requeue(id, queue, priority, sequence)
  redis.call("HDEL", JOBS .. id, "w", "pg")
  redis.call("DEL", REPORTS .. id)
  redis.call("ZADD", WAITING .. queue, score(priority, sequence), id)
  wake(queue)
end
