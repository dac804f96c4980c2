--- @include "includes/queue"
-- Append a change to the feed of those who follow jobs: the job as it was just kept, the state before (`was`, its
-- record then) and what does not stand in the record. Read by FeedEntry+Redis.swift. A long result is looked up when
-- the entry is read.
local feed_bound = false
local function feed_change(job, was, reason)
  local more, before = job.more, false
  if was then
    local _, state = cmsgpack.unpack_limit(was, 1, 1)
    before = state
  end
  feed_bound = feed_bound or redis.call("HGET", NUMBERS, "feed_bound") or FEED_BOUND
  local outcome = more.rl and job.outcome and #job.outcome <= FEED_RESULT and job.outcome or false
  local bytes = cmsgpack.pack({ job.id, job.bytes, before, reason or false,
    more.m or queue_named(job.queue).attempts or 3, more.pm or -1, more.rep or false, outcome })
  if more.rl and not outcome then
    redis.call("XADD", FEED, "MAXLEN", "=", feed_bound, "0-*", job.id, bytes, "long", job.offset)
  else
    redis.call("XADD", FEED, "MAXLEN", "=", feed_bound, "0-*", job.id, bytes)
  end
end
