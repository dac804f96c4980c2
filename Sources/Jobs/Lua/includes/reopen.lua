--- @include "includes/keep_queue"
--- @include "includes/outcome"
--- @include "includes/claims"
-- Make an ended job one that has not begun, under its old number: a new generation. The caller says where
-- it waits, and claims its keys there; `due` is when it may begin, nil for at once.
local function reopen(job, queue, due)
  local more, begin = job.more, due or now
  redis.call("ZREM", FINISHED .. job.state .. ":" .. job.queue, job.id)
  more.wf = begin
  -- Limits of its time count anew.
  if more.sw then more.sb = begin + more.sw end
  if more.tt then more.eb = begin + more.tt end
  if more.sb or more.eb then
    redis.call("ZADD", LIMITS, math.min(more.sb or more.eb, more.eb or more.sb), job.id)
  end
  job.attempt, job.lost = 0, 0
  set_outcome(job, "")
  more.st, more.at, more.fi, more.pm, more.rep = nil, nil, nil, nil, nil
  if more.v then more.v = more.v + 1 end
end
