--- @include "includes/later"
--- @include "includes/start"
--- @include "includes/wake"
--- @include "includes/counter"
-- Give a worker the next jobs of its queues. Appends to `answer` for each: id, record, max attempts,
-- timeout or false, and its payload where that does not stand in the record.
local function lease_jobs(answer, worker, deadline, limit, names, first)
  for place = first, #names do
    if limit <= 0 then return end
    local queue = queue_named(names[place])
    local wanted = limit
    if queue.mode ~= "a" and queue.mode ~= "D" then
      wanted = 0
    elseif queue.concurrency then
      wanted = math.min(wanted, queue.concurrency - counter(queue, RUNNING))
    end
    if wanted > 0 then
      carry_out("ZADD", WAITING .. queue.name)
      local popped = redis.call("ZPOPMIN", WAITING .. queue.name, wanted)
      if #popped > 2 then
        local ids = {}
        for index = 1, #popped, 2 do ids[#ids + 1] = popped[index] end
        read_ahead(ids)
      end
      for index = 1, #popped, 2 do
        local job = read_job(popped[index])
        if job and job.state == QUEUED then
          start(job, queue, worker, deadline)
          local n = #answer
          answer[n + 1], answer[n + 2] = job.id, job.bytes
          answer[n + 3] = job.more.m or queue.attempts or 3
          answer[n + 4] = job.more.to or queue.timeout or false
          answer[n + 5] = not job.payload and redis.call("GET", PAYLOADS .. job.id)
          limit = limit - 1
        end
      end
      if #popped == 2 * wanted and limit == 0 and redis.call("EXISTS", WAITING .. queue.name) == 1 then
        wake(queue)
      end
    end
  end
end
