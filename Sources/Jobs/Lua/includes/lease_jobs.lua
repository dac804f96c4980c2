--- @include "includes/digits"
--- @include "includes/later"
--- @include "includes/limit_of"
--- @include "includes/start"
--- @include "includes/wake"
--- @include "includes/counter"
-- Give a worker the next jobs of its queues. Appends to `answer` for each: id, record, max attempts,
-- timeout or false, and its payload where that does not stand in the record.
--
-- One that passed a limit of its time is not begun: it fails, here or by expire.lua, whichever is first. A call
-- looks for others behind 64 of these at most.
local late_left = 64

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
    local is_all = false
    while wanted > 0 and late_left > 0 and not is_all do
      carry_out("ZADD", WAITING .. queue.name)
      local popped = redis.call("ZPOPMIN", WAITING .. queue.name, digits(wanted))
      is_all = #popped < 2 * wanted
      if #popped > 2 then
        local ids = {}
        for index = 1, #popped, 2 do ids[#ids + 1] = popped[index] end
        read_ahead(ids)
      end
      for index = 1, #popped, 2 do
        local job = read_job(popped[index])
        local is_queued, more = job and job.state == QUEUED, job and job.more
        local ends_at = is_queued and (more.sb or more.eb) and limit_of(job)
        if ends_at and ends_at <= now then
          --- @include "includes/expire_job"
          expire_job(job, queue)
          late_left, is_all = late_left - 1, false
          -- It may have let another in that goes before the others.
          for rest = index + 2, #popped, 2 do
            redis.call("ZADD", WAITING .. queue.name, popped[rest + 1], popped[rest])
          end
          break
        elseif is_queued then
          start(job, queue, worker, deadline)
          local n = #answer
          answer[n + 1], answer[n + 2] = job.id, job.bytes
          answer[n + 3] = job.more.m or queue.attempts or 3
          answer[n + 4] = job.more.to or queue.timeout or false
          answer[n + 5] = not job.payload and redis.call("GET", PAYLOADS .. job.id)
          limit, wanted = limit - 1, wanted - 1
        end
      end
    end
    if (not is_all and limit == 0 or late_left <= 0) and redis.call("EXISTS", WAITING .. queue.name) == 1 then
      wake(queue)
    end
  end
end
