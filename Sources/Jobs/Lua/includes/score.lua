-- The place of a job in a queue, as QueueScore: most urgent first, then by base. Whole numbers below
-- 2^53, where doubles are exact.
local function score(job, queue)
  return (job.more.b or HALF + job.sequence)
    - job.priority * (queue.ageing and queue.ageing * 1000 or BAND)
end
