-- What a job came to: a short result or a failure stands in the record, a longer one beside it.
local function set_outcome(job, text)
  local more = job.more
  job.outcome = text ~= "" and text or nil
  if more.R then call("DEL", RESULTS .. job.id) end
  if #text > 512 then
    call("SET", RESULTS .. job.id, text)
    more.r, more.R = nil, true
  else
    more.r, more.R = job.outcome, nil
  end
end
