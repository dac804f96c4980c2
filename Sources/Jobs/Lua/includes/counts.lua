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
