--- @include "includes/enter"
--- @include "includes/parked_key"
-- Put a job into its queue, or aside where its user has filled the window.
local function place(job, queue)
  local taken = redis.call("HINCRBY", ADMITTED .. queue.name, job.user, 1)
  if queue.window and taken > queue.window then
    redis.call("HINCRBY", ADMITTED .. queue.name, job.user, -1)
    job.state = BLOCKED
    redis.call("ZADD", parked_key(job), score(job, queue), job.id)
    redis.call("ZADD", PARKED_USERS .. queue.name, 0, job.user)
    count(queue, "b", 1)
  else
    enter(job, queue)
  end
end
