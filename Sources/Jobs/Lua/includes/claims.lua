--- @include "includes/pack"
--- @include "includes/record"
--- @include "includes/is_terminal"
-- Keys by which a later submission finds an earlier job. A claim whose holder is gone, or holds it no
-- more, is free, whatever became of the holder.
local function unique_claim(user, queue, key) return CLAIMS .. "u" .. pack(user) .. pack(queue) .. key end
local function content_claim(user, kind, key) return CLAIMS .. "c" .. pack(user) .. pack(kind) .. key end
local function idempotency_claim(user, key) return CLAIMS .. "i" .. pack(user) .. key end

-- The unfinished job that has the unique key, or nil.
local function unique_holder(user, queue, key)
  local id = redis.call("GET", unique_claim(user, queue, key))
  local holder = id and read_job(id)
  return holder and not is_terminal(holder.state) and holder or nil
end

-- The job that completed, or has not ended, with the content key, or nil.
local function content_holder(user, kind, key)
  local id = redis.call("GET", content_claim(user, kind, key))
  local holder = id and read_job(id)
  return holder and holder.state ~= FAILED and holder.state ~= CANCELLED and holder or nil
end

local function drop_claim(claim, id)
  if redis.call("GET", claim) == id then redis.call("DEL", claim) end
end

local function claim_keys(job)
  local more = job.more
  if more.uk then redis.call("SET", unique_claim(job.user, job.queue, more.uk), job.id) end
  if more.ck and not content_holder(job.user, job.kind, more.ck) then
    redis.call("SET", content_claim(job.user, job.kind, more.ck), job.id)
  end
end
