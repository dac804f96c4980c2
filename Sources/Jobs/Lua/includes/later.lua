-- Writes that may wait until a script's end, so that what goes into one key by one command goes there at once: a
-- hundred jobs that end together take one ZREM from the leases. Where nothing is collected, a write is carried out
-- where it stands.
--
-- What reads such a key, or writes to it otherwise, has the writes carried out before (carry_out). Removals are
-- carried out first: a member that a script takes out and puts in again is in.
local collected

local function carry_out(command, key)
  local of = collected and collected[command]
  local arguments = of and of[key]
  if arguments then
    of[key] = nil
    redis.call(command, key, unpack(arguments))
  end
end

local function carry_out_all()
  if not collected then return end
  for _, command in ipairs({ "ZREM", "SREM", "HSET", "ZADD", "SADD" }) do
    for key in pairs(collected[command]) do carry_out(command, key) end
  end
end

local function collect()
  collected = { ["ZREM"] = {}, ["SREM"] = {}, ["HSET"] = {}, ["ZADD"] = {}, ["SADD"] = {} }
end

local function later(command, key, one, other)
  if not collected then
    if other then redis.call(command, key, one, other) else redis.call(command, key, one) end
    return
  end
  local arguments = collected[command][key]
  if not arguments then
    collected[command][key] = { one, other }
    return
  end
  local n = #arguments
  arguments[n + 1], arguments[n + 2] = one, other
  -- As many as a call of Lua takes with ease.
  if n >= 2000 then carry_out(command, key) end
end
