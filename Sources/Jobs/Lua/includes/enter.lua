--- @include "includes/digits"
--- @include "includes/counts"
--- @include "includes/later"
--- @include "includes/score"
--- @include "includes/wake"
-- Put a job into its queue, where it has a place in its user's window. As all that puts a job somewhere,
-- this sets its state, and the caller keeps and tells it (change).
local function enter(job, queue)
  job.state = QUEUED
  later("ZADD", WAITING .. queue.name, digits(score(job)), job.id)
  count(queue, "w" .. job.priority, 1)
  wake(queue)
end
