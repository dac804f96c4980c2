-- The place of a job in its queue, as QueueScore: most urgent first, then by base. It follows from the job
-- alone, whatever became of the queue's settings since. Whole numbers below 2^53, where doubles are exact.
local function score(job)
  local more = job.more
  return (more.b or HALF + job.sequence) - job.priority * (more.ag and more.ag * 1000 or BAND)
end
