-- A group: MessagePack values one behind the other, which RedisBroker+Groups.swift reads and writes too.
--
--   state o, c, f   offset   epoch   user   name   created   finished   callback: the job that it became
--   weight and done: the sums of its jobs' weights, and of weight times permille   counts by states' letters
--
-- A group that names no user is unknown to all but its jobs: a restore takes these in first, and what becomes
-- of them is counted meanwhile.

local function unpack_group(id, bytes)
  local state, offset, epoch, user, name, created, finished, callback, weight, done, counts =
    cmsgpack.unpack(bytes)
  return { id = id, bytes = bytes, state = state, offset = offset, epoch = epoch, user = user, name = name,
    created = created, finished = finished, callback = callback, weight = weight, done = done,
    counts = counts }
end

-- Nil for an unknown id.
local function read_group(id)
  local bytes = redis.call("GET", GROUPS .. id)
  return bytes and unpack_group(id, bytes) or nil
end

local function new_group(id)
  redis.call("ZADD", GROUP_INDEX, 0, id)
  return { id = id, state = "o", offset = 0, epoch = string.format("%08x", now % 4294967296), user = false,
    name = false, created = now, finished = false, callback = false, weight = 0, done = 0, counts = {} }
end

-- How many of its jobs have not ended.
local function pending(group)
  local counts = group.counts
  return (counts.w or 0) + (counts.a or 0) + (counts.b or 0) + (counts.d or 0) + (counts.y or 0)
end

-- How many jobs it has, those that were forgotten included.
local function jobs_of(group)
  local sum = 0
  for _, count in pairs(group.counts) do sum = sum + count end
  return sum
end

local function permille_done(group)
  return group.weight > 0 and math.floor(group.done / group.weight) or 0
end

-- Keep a group as it now is; what can be seen of the change is numbered and published.
local function keep_group(group, is_visible)
  if is_visible then group.offset = group.offset + 1 end
  group.bytes = cmsgpack.pack(group.state, group.offset, group.epoch, group.user, group.name, group.created,
    group.finished, group.callback, group.weight, group.done, group.counts)
  redis.call("SET", GROUPS .. group.id, group.bytes)
  if is_visible and group.user then
    redis.call("PUBLISH", GROUP_EVENTS .. group.id, cmsgpack.pack(group.id) .. group.bytes)
  end
end
