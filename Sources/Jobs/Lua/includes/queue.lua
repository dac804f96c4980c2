-- A queue: its mode and what was set of it, read once a script. What is not set is nil.
--
--   mode a, p, d, D   since when, if it changed   version   created   updated   type   description
--   concurrency   window   max_waiting   order l   ageing ms   fair   attempts
--   retry {growth, base, cap, jitter}
--   timeout   start_within   total_timeout   keep {c, f, x = {age ms, count}}   webhooks, as a record has them
local queues = {}

local function queue_named(name)
  local queue = queues[name]
  if queue then return queue end
  local bytes = redis.call("HGET", QUEUES, name)
  if bytes then
    queue = cmsgpack.unpack(bytes)
  else
    queue = { mode = "a", created = now, updated = now }
  end
  -- Beside what is kept: not written by keep_queue.
  queues[name] = queue
  queue.name, queue.is_new, queue.counters = name, not bytes, COUNTERS .. name
  return queue
end
