-- Where jobs wait for a place in their user's window.
local function parked_key(job) return BLOCKED_JOBS .. job.queue .. " " .. job.user end
