--- @include "includes/later"
--- @include "includes/records"
-- A job's record: a MessagePack array, what every job has first; RedisRecord.swift reads the same. `payload` is
-- false where it is too long to stand here (PAYLOADS). What is rarely set is in one last table, which a fresh job
-- does not have:
--
--   m max attempts   rp retry policy {growth, base, cap, jitter}   to timeout   o order it asked for
--   b base of its score, where it is not the plain one   ag head start of a priority level there, ms   du due   sb start by   eb end by
--   wf begin of its wait, where that is not its acceptance or `du`
--   sw start within, tt total timeout: as set at its acceptance, ms
--   uk unique key   ck content key   ik idempotency key
--   pa parents that have not ended   ps parents   pr what if one fails: c, f, r   ch others wait for it
--   g group   wt weight   rs place among those restored (index_restored)
--   hs it is recorded   wb webhooks {address, letters of states or "*", true if its queue's}
--   v token   h worker   st first started   at this attempt started, if later   fi finished   up updated
--   x why it is being cancelled, packed   xg for a reason that was given   xf by force
--   xe for having passed its time   rm and forgotten then
--   ep the sequence that names its epoch, where that is not its own: it was taken in from elsewhere
--   sl stalled   pm permille   rep report   r result or failure, packed   rl the result is in RESULTS

-- read_job answers nil for an unknown id.
local function read_job(id)
  local bytes = records[id]
  if bytes == nil then bytes = redis.call("HGET", JOBS, id) end
  if not bytes then return nil end
  -- From behind the one byte that says that they are an array.
  local _, state, priority, attempt, lost, offset, sequence, number, queue, kind, user, payload, more =
    cmsgpack.unpack_limit(bytes, 12, 1)
  return { id = id, bytes = bytes, state = state, priority = priority, attempt = attempt, lost = lost,
    offset = offset, sequence = sequence, number = number, queue = queue, kind = kind, user = user,
    payload = payload, more = more or {} }
end

local function created_at(job) return math.floor(job.sequence / 1000) + BEGINNING end

local function write_job(job)
  local more = job.more
  job.bytes = cmsgpack.pack({ job.state, job.priority, job.attempt, job.lost, job.offset, job.sequence,
    job.number, job.queue, job.kind, job.user, job.payload, next(more) and more })
  records[job.id] = job.bytes
  later("HSET", JOBS, job.id, job.bytes)
end
