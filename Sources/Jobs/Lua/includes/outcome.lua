-- What a job came to: a short result or a failure stands in the record, a longer one beside it.
local function set_outcome(job, text)
  local more = job.more
  job.outcome = text ~= "" and text or nil
  if more.rl then redis.call("DEL", RESULTS .. job.id) end
  if #text > 512 then
    redis.call("SET", RESULTS .. job.id, text)
    more.r, more.rl = nil, true
  else
    if job.outcome or more.r then more.r = job.outcome end
    if more.rl then more.rl = nil end
  end
end
