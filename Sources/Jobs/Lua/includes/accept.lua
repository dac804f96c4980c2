local accept
--- @include "includes/queue"
--- @include "includes/change"
--- @include "includes/index_job"
--- @include "includes/place"
--- @include "includes/take_numbers"
-- Accept a job, unless the same submission was accepted before. The arguments and the words it answers with
-- are enqueue.lua's, with `asked` unpacked; then come the job or what is told with a refusal, and the parent
-- that fails a new job at once. One that is owed is accepted whatever its queue's bound and mode.
accept = function(id, name, kind, user, priority, payload, asked, is_owed)
  local same = read_job(id)
  if same then return "id", same end
  if asked.key or asked.uk or asked.ck then
    --- @include "includes/claimed"
    local earlier, by = claimed(asked, user, name, kind)
    if earlier then return by or earlier, by and earlier end
  end

  local queue = queue_named(name)
  if not is_owed then
    if queue.mode ~= "a" and queue.mode ~= "p" then return "draining" end
    if queue.max_waiting then
      --- @include "includes/waiting"
      if waiting(queue) >= queue.max_waiting then return "full", queue.max_waiting end
    end
  end
  local pending, failed, seen = {}, nil, {}
  for _, parent in ipairs(asked.parents or {}) do
    local job = read_job(parent)
    if not job then return "parent_not_found", parent end
    if not is_terminal(job.state) then
      if not seen[parent] then pending[#pending + 1] = job end
      seen[parent] = true
    elseif job.state ~= COMPLETED then
      failed = failed or parent
    end
  end
  if asked.rule == "r" then failed = nil end
  if asked.g then
    --- @include "includes/refuse_member"
    local refusal = refuse_member(asked.g, user)
    if refusal then return refusal end
  end

  local sequence, number = take_numbers()
  if queue.is_new then
    --- @include "includes/keep_queue"
    keep_queue(queue)
  end

  local more = next(asked) == nil and {} or { m = asked.m, rp = asked.rp, to = asked.to, o = asked.order,
    uk = asked.uk, ck = asked.ck, g = asked.g, wt = asked.wt, hs = asked.hs }
  local job = { id = id, priority = tonumber(priority), attempt = 0, lost = 0, offset = 0,
    sequence = sequence, number = number, queue = name, kind = kind, user = user,
    payload = #payload <= 512 and payload, more = more }
  if not job.payload then redis.call("SET", PAYLOADS .. id, payload) end
  if (asked.wb or queue.webhooks) and kind ~= WEBHOOK then
    --- @include "includes/webhooks_of"
    more.wb = webhooks_of(asked.wb or {}, queue.webhooks or {})
  end
  if asked.key or asked.uk or asked.ck then
    --- @include "includes/claim"
    claim(job, asked)
  end

  more.ag = queue.ageing
  if queue.fair then
    --- @include "includes/fair"
    more.b = fair("turn", job, queue)
  elseif (asked.order or queue.order) == "l" then
    more.b = HALF - sequence
  end
  local due = asked.at or (asked.delay and now + asked.delay)
  if due and due <= now then due = nil end
  local within, total = asked.within or queue.start_within, asked.total or queue.total_timeout
  if within or total then
    more.sw, more.sb = within, within and (due or now) + within
    more.tt, more.eb = total, total and (due or now) + total
    redis.call("ZADD", LIMITS, math.min(more.sb or more.eb, more.eb or more.sb), id)
  end

  -- Before it stands anywhere: what may fail yet is in there.
  index_job(job)
  if #pending > 0 or failed then
    more.du, more.pr, more.pa, more.ps = due, asked.rule, math.max(#pending, 1), asked.parents
    for _, parent in ipairs(pending) do
      redis.call("ZADD", CHILDREN .. parent.id, sequence, id)
      if not parent.more.ch then
        parent.more.ch = true
        write_job(parent)
      end
    end
    --- @include "includes/block"
    block(job, queue)
  elseif due then
    --- @include "includes/postpone"
    postpone(job, queue, due, SCHEDULED)
  else
    place(job, queue)
  end
  count(queue, "in", 1)
  tally(queue, "i")
  change(job)
  return "accepted", job, failed
end
