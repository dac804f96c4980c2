--- @include "includes/queue"
-- What a script changes about the counts of queues, summed up and written once, at its end
-- (write_counts): a worker that ends one job and takes the next leaves most of them as they were.
--
-- In COUNTERS: w1…w10 queued by priority, b blocked, d scheduled, a running, y retrying; since ever:
-- in accepted, tc completed, tf failed, tx cancelled, ty retried, lost. In MINUTES: i accepted, c f x
-- ended, y retried, w<bucket> waits, r<bucket> runs.
local counted, tallied = {}, {}

local function add(changes, name, field, by)
  local of = changes[name]
  if not of then
    of = {}
    changes[name] = of
  end
  of[field] = (of[field] or 0) + by
end

local function count(queue, field, by) add(counted, queue.name, field, by) end

local function tally(queue, field) add(tallied, queue.name, field, 1) end

-- A counter as it stands, what is not yet written included.
local function counter(queue, field)
  local changes = counted[queue.name]
  return tonumber(call("HGET", queue.counters, field) or 0) + (changes and changes[field] or 0)
end

local WAITING_FIELDS = { "w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "w9", "w10", "b", "d", "y" }

-- How many jobs wait in any way.
local function waiting(queue)
  local sum, changes = 0, counted[queue.name] or {}
  local values = call("HMGET", queue.counters, unpack(WAITING_FIELDS))
  for index, field in ipairs(WAITING_FIELDS) do
    sum = sum + (values[index] or 0) + (changes[field] or 0)
  end
  return sum
end

-- What a queue that is drained becomes when nothing is left to wait for.
local function end_drain(queue)
  if (queue.mode == "d" and counter(queue, "a") == 0)
    or (queue.mode == "D" and counter(queue, "a") == 0 and waiting(queue) == 0) then
    queue.mode, queue.updated = "p", now
    keep_queue(queue)
  end
end

local function write_counts()
  for name in pairs(counted) do
    local queue = queues[name]
    if queue.mode == "d" or queue.mode == "D" then end_drain(queue) end
  end
  for name, changes in pairs(counted) do
    for field, by in pairs(changes) do
      if by ~= 0 then call("HINCRBY", COUNTERS .. name, field, by) end
    end
  end
  if next(tallied) then
    local minute = math.floor(now / 60000)
    for name, changes in pairs(tallied) do
      local key = MINUTES .. name .. ":" .. minute
      for field, by in pairs(changes) do
        -- 25 hours; given with the first of each field, which is rare enough.
        if call("HINCRBY", key, field, by) == by then call("EXPIRE", key, 90000) end
      end
    end
  end
end
