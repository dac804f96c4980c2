--- @include "includes/pack"
--- @include "includes/record"
--- @include "includes/is_terminal"
-- Keys by which a later submission finds an earlier job. A claim whose holder is gone, or holds it no
-- more, is free, whatever became of the holder.
local function unique_claim(user, queue, key) return CLAIMS .. "u" .. pack(user) .. pack(queue) .. key end
-- Behind the job that a content key leads to: those that ran again while it was taken, in a list.
local function content_line(user, kind, key) return CLAIMS .. "d" .. pack(user) .. pack(kind) .. key end
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

-- A job has its content key no more: the next that ran again with it does.
local function drop_content_claim(job)
  local user, kind, key = job.user, job.kind, job.more.ck
  local claim, line = content_claim(user, kind, key), content_line(user, kind, key)
  if redis.call("GET", claim) ~= job.id then return end
  redis.call("DEL", claim)
  while true do
    local id = redis.call("LPOP", line)
    if not id then return end
    local next = id ~= job.id and read_job(id)
    if next and next.state ~= FAILED and next.state ~= CANCELLED then
      redis.call("SET", claim, id)
      return
    end
  end
end

local function claim_content(job)
  local user, kind, key = job.user, job.kind, job.more.ck
  local holder = content_holder(user, kind, key)
  if not holder then
    redis.call("SET", content_claim(user, kind, key), job.id)
  elseif holder.id ~= job.id then
    redis.call("LREM", content_line(user, kind, key), 0, job.id)
    redis.call("RPUSH", content_line(user, kind, key), job.id)
  end
end

local function claim_keys(job)
  local more = job.more
  if more.uk then redis.call("SET", unique_claim(job.user, job.queue, more.uk), job.id) end
  if more.ck then claim_content(job) end
end
