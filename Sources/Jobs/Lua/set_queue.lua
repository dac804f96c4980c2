--[[
  Set a queue, or what it does with jobs; or only tell how it stands.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] set, mode or tell    ARGV[2] queue
  for set: ARGV[3] the settings, a MessagePack map as queue.lua has it    ARGV[4] the version wanted, or ""
  for mode: ARGV[3] the letter
  Touches: QUEUES COUNTERS FAIR NUMBERS WAITING WAKE FINISHED JOBS, and what it takes to let parked jobs in
  Answers: describe_queue… | {"changed"} | {"not_found"}
  Emits:   state queued of those that a wider window lets in
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/unpark_all"
--- @include "includes/end_drain"
--- @include "includes/write_counts"
--- @include "includes/describe_queue"

local verb, queue = ARGV[1], queue_named(ARGV[2])
if verb == "set" then
  local version = queue.version or 0
  if ARGV[4] ~= "" and tonumber(ARGV[4]) ~= version then return { "changed" } end
  local window = queue.window
  local settings = cmsgpack.unpack(ARGV[3])
  settings.mode, settings.since, settings.created, settings.updated, settings.version =
    queue.mode, queue.since, queue.created, now, version + 1
  settings.name, settings.counters = queue.name, queue.counters
  if settings.fair and not queue.fair and not queue.is_new then
    -- Turns begin behind the jobs that wait already; where none can, as a restore says that they went on.
    local last = redis.call("HGET", NUMBERS, "sequence") or 0
    local time = redis.call("HGET", queue.counters, "v") or 0
    redis.call("HSET", queue.counters, "v",
      math.max(tonumber(time), tonumber(last), micros - BEGINNING * 1000))
  elseif queue.fair and not settings.fair then
    redis.call("UNLINK", FAIR .. queue.name)
  end
  queue, queues[queue.name] = settings, settings
  keep_queue(queue)
  if window and (not queue.window or queue.window > window) then unpark_all(queue, "", 64) end
elseif queue.is_new then
  return { "not_found" }
elseif verb == "mode" and queue.mode ~= ARGV[3] then
  queue.mode, queue.since, queue.updated = ARGV[3], now, now
  end_drain(queue)
  keep_queue(queue)
end
if verb ~= "tell" and (queue.mode == "a" or queue.mode == "D")
  and redis.call("EXISTS", WAITING .. queue.name) == 1 then
  wake(queue)
end
write_counts()
return describe_queue(queue)
