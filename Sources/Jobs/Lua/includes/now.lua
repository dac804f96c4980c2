-- The time of Redis, in ms since 1970, read once a script; `micros` for what must be finer.
local time = redis.call("TIME")
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)
