--- @include "includes/admit"
--- @include "includes/enter"
--- @include "includes/parked_key"
-- Put a job into its queue, or aside where its user has filled the window.
local function place(job, queue)
  local taken = admit(queue, job.user, 1)
  if taken and taken > queue.window then
    admit(queue, job.user, -1)
    job.state = BLOCKED
    redis.call("ZADD", parked_key(job), score(job), job.id)
    redis.call("ZADD", PARKED_USERS .. queue.name, 0, job.user)
    count(queue, "b", 1)
  else
    enter(job, queue)
  end
end
