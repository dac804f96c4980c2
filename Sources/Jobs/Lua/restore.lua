--[[
  Take in a job that an archive holds.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] job id    ARGV[2] its record, as record.lua has it; its number is given here
  ARGV[3] its payload, or "" where the record has it    ARGV[4] what it came to, packed, or ""
  ARGV[5] a MessagePack map: parents {ids}; key, fingerprint: of its idempotency, for `remembered` ms from its
          acceptance; log {lines}; ran: it did, and with it stop {the failure it was to end with}, packed, and in
          which state it would have ended, removed: it was to be forgotten, late: the failure of one past its time;
          unranked: its queue decides by its ageing of now
  Touches: what enqueue touches, RESTORED USERS_RESTORED LOGS RESULTS FINISHED FEED GROUP_CALLBACKS GROUP_INDEX
  Answers: {"restored" | "known" | "duplicate", whether its queue came with it: 1 or 0}
  Emits:   state queued, scheduled, blocked or retrying with reason restored; or cancelled, for a duplicate, or
           the end of one that was to stop; what follows for one whose parent did not complete; nothing for one that has ended; its group, if that is on record
]]
--- @include "includes/now"
--- @include "includes/digits"
--- @include "includes/queue"
--- @include "includes/change"
--- @include "includes/index_job"
--- @include "includes/index_restored"
--- @include "includes/place"
--- @include "includes/postpone"
--- @include "includes/block"
--- @include "includes/keep_queue"
--- @include "includes/claims"
--- @include "includes/failure"
--- @include "includes/uuid"
--- @include "includes/finish"
--- @include "includes/limit_of"
--- @include "includes/write_counts"

local id, bytes, payload, outcome = unpack(ARGV)
if redis.call("HEXISTS", JOBS, id) == 1 then return { "known", 0 } end
local also = cmsgpack.unpack(ARGV[5])
redis.call("HSET", JOBS, id, bytes)
local job = read_job(id)
-- Here it is new: its group has not counted it.
job.bytes = nil
local more, queue = job.more, queue_named(job.queue)
local is_first = queue.is_new and 1 or 0
if queue.is_new then keep_queue(queue) end

local last, number = unpack(redis.call("HMGET", NUMBERS, "sequence", "number"))
job.number = (number or -1) + 1
redis.call("HSET", NUMBERS, "sequence", digits(math.max(tonumber(last or -1), job.sequence)),
  "number", job.number)
begin_chunk(job.number)
if payload ~= "" then redis.call("SET", PAYLOADS .. id, payload) end
for _, line in ipairs(also.log or {}) do redis.call("RPUSH", LOGS .. id, line) end
if outcome ~= "" then set_outcome(job, outcome) end
if also.unranked then more.ag = queue.ageing end
index_job(job)
index_restored(job)
count(queue, "in", 1)

-- Another job has its key: it was accepted twice, where nobody could look the key up.
local used, holder = also.key and redis.call("GET", idempotency_claim(job.user, also.key)), nil
if used and string.sub(used, 17) ~= id and redis.call("HEXISTS", JOBS, string.sub(used, 17)) == 1 then
  holder = string.sub(used, 17)
end
local function remember_key()
  local left = also.key and not holder and created_at(job) + also.remembered - now or 0
  if left > 0 then
    redis.call("SET", idempotency_claim(job.user, also.key), also.fingerprint .. id, "PX", left)
  end
end

if is_terminal(job.state) then
  count(queue, "t" .. job.state, 1)
  if more.ck and job.state == COMPLETED then claim_content(job) end
  remember_key()
  write_job(job)
  redis.call("ZADD", FINISHED .. job.state .. ":" .. queue.name, (more.fi or now) * 1000, id)
  if more.hs or more.wb then
    --- @include "includes/feed_change"
    feed_change(job, nil, "restored")
  end
  if more.g then
    --- @include "includes/group"
    local group = read_group(more.g)
    if group and group.counts[job.state] and jobs_of(group) > redis.call("ZCARD", GROUP_JOBS .. more.g) then
      -- It had been forgotten after its end, and stayed counted.
      redis.call("ZADD", GROUP_JOBS .. more.g, job.sequence, id)
    else
      --- @include "includes/count_change"
      count_change(job, nil)
    end
  end
  write_counts()
  return { "restored", is_first }
end

local was = job.state
-- In no line yet: who ends here leaves no place.
job.state = job.state == QUEUED and BLOCKED or job.state
if also.ran then
  local failed, ended = also.stop, also.ended
  if not failed and more.eb and more.eb <= now then failed, ended = also.late, FAILED end
  if failed then
    more.rm = also.removed
    remember_key()
    finish(job, queue, ended, failed, "restored")
    write_counts()
    return { "restored", is_first }
  end
  -- The attempt under way does not count.
  job.attempt, more.pm, more.rep = math.max(0, job.attempt - 1), nil, nil
end

if more.uk and not holder then
  local other = unique_holder(job.user, job.queue, more.uk)
  holder = other and other.id
end
if holder then
  more.uk, more.ck, more.ik = nil, nil, nil
  finish(job, queue, CANCELLED,
    failure("duplicate", "The same was accepted as job " .. uuid(holder) .. "."), "restored")
  write_counts()
  return { "duplicate", is_first }
end
remember_key()
claim_keys(job)
local limit = limit_of(job)
if limit then redis.call("ZADD", LIMITS, limit, id) end

local pending, failed = 0, nil
for _, parent in ipairs(also.parents or {}) do
  local other = read_job(parent)
  if other and is_terminal(other.state) then
    if other.state ~= COMPLETED and more.pr ~= "r" then failed = failed or parent end
  elseif other then
    pending = pending + 1
    redis.call("ZADD", CHILDREN .. parent, job.sequence, id)
    if not other.more.ch then
      other.more.ch = true
      write_job(other)
    end
  end
end
if failed then pending = math.max(pending, 1) end
more.pa = pending > 0 and pending or nil
if pending == 0 then more.ps, more.pr = nil, nil end
local due = was ~= QUEUED and more.du
if pending > 0 then
  block(job, queue)
elseif due then
  postpone(job, queue, due, was == RETRYING and RETRYING or SCHEDULED)
else
  more.du = nil
  place(job, queue)
end
change(job, "restored")
if failed then
  --- @include "includes/fail_child"
  fail_child(job, failed)
end
write_counts()
return { "restored", is_first }
