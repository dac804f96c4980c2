--- @include "includes/find"
--- @include "includes/claims"
--- @include "includes/keep_queue"
--- @include "includes/limit_of"
--- @include "includes/user_chunk"
--- @include "includes/uuid"
-- What the record of a job asks for beside the set that it stands in. A repair ends no job: what is to end
-- with another's end is left to maintenance.

-- The listings of all jobs, of its user's, and of those restored.
local function check_listings(job, name)
  local id, user, number, more = job.id, job.user, job.number, job.more
  local slot = number % 128
  local chunk = (number - slot) / 128
  if redis.call("HGET", INDEX_CHUNKS .. chunk, slot) ~= id or not redis.call("ZSCORE", INDEX, chunk) then
    find("misplaced_job", name, "is not in the listing of all jobs", function()
      redis.call("HSET", INDEX_CHUNKS .. chunk, slot, id)
      redis.call("ZADD", INDEX, chunk, chunk)
    end)
  end
  local first = redis.call("ZREVRANGEBYSCORE", USERS .. user, number, "-inf", "LIMIT", 0, 1)[1]
  if not first or redis.call("SISMEMBER", user_chunk(first, user), number) == 0 then
    find("misplaced_job", name, "is not in the listing of its user's jobs", function()
      if not first then redis.call("ZADD", USERS .. user, number, number) end
      redis.call("SADD", user_chunk(first or number, user), number)
    end)
  end
  if more.rs and not (redis.call("ZSCORE", RESTORED, id) and redis.call("ZSCORE", USERS_RESTORED .. user, id)) then
    find("misplaced_job", name, "is not in the listing of restored jobs", function()
      redis.call("ZADD", RESTORED, string.format("%.17g", more.rs), id)
      redis.call("ZADD", USERS_RESTORED .. user, string.format("%.17g", more.rs), id)
    end)
  end
end

-- The keys by which later submissions find it.
local function check_claims(job, name)
  local more, has_ended = job.more, is_terminal(job.state)
  if more.uk and not has_ended then
    local holder = unique_holder(job.user, job.queue, more.uk)
    if not holder then
      find("misplaced_job", name, "does not hold its unique key", function()
        redis.call("SET", unique_claim(job.user, job.queue, more.uk), job.id)
      end)
    elseif holder.id ~= job.id then
      find("misplaced_job", name, "has the unique key of job " .. uuid(holder.id))
    end
  end
  if more.ck and (not has_ended or job.state == COMPLETED)
    and not content_holder(job.user, job.kind, more.ck) then
    find("misplaced_job", name, "is not found by its content key", function() claim_content(job) end)
  end
end

local function is_owed(parent)
  for _, state in ipairs({ COMPLETED, FAILED, CANCELLED }) do
    if redis.call("ZSCORE", ENDED_PARENTS, state .. parent) then return true end
  end
  return false
end

-- Those that a blocked job waits for: each has it among its children, or it waits for ever.
local function check_parents(job, name)
  local more, linked, lost, seen = job.more, 0, {}, {}
  for _, id in ipairs(more.ps or {}) do
    local parent = not seen[id] and read_job(id)
    local has_ended = parent and is_terminal(parent.state)
    if not seen[id] and redis.call("ZSCORE", CHILDREN .. id, job.id) then
      linked = linked + 1
      if has_ended and not is_owed(id) then
        find("misplaced_job", name, "waits for job " .. uuid(id) .. ", which has ended, and is not told",
          function() redis.call("ZADD", ENDED_PARENTS, now, parent.state .. id) end)
      end
    elseif not seen[id] then
      -- Of which end it cannot have heard: first of one that is to come, then of one that would have ended it.
      local rank = not parent and 4 or has_ended and (parent.state ~= COMPLETED and more.pr ~= "r" and 2 or 3)
        or parent.more.ch and 1 or 5
      lost[#lost + 1] = { rank, id, parent, has_ended }
    end
    seen[id] = true
  end
  table.sort(lost, function(a, b) return a[1] < b[1] end)
  for _, entry in ipairs(lost) do
    if linked >= more.pa then break end
    local _, id, parent, has_ended = unpack(entry)
    linked = linked + 1
    find("misplaced_job", name, "waits for job " .. uuid(id) .. ", and is not among its children", function()
      redis.call("ZADD", CHILDREN .. id, job.sequence, job.id)
      if parent and not has_ended then
        parent.more.ch = true
        write_job(parent)
      else
        redis.call("ZADD", ENDED_PARENTS, now, (parent and parent.state or COMPLETED) .. id)
      end
    end)
  end
  if linked > 0 and linked ~= more.pa then
    find("wrong_count", name, "waits for " .. more.pa .. " jobs, and there are " .. linked, function()
      more.pa = linked
      write_job(job)
    end)
  end
end

local function check_job(job, queue)
  local id, name, more = job.id, uuid(job.id), job.more
  check_listings(job, name)
  check_claims(job, name)
  local limit = limit_of(job)
  if limit and tonumber(redis.call("ZSCORE", LIMITS, id) or -1) ~= limit then
    find("misplaced_job", name, "has a limit of its time that nobody looks after",
      function() redis.call("ZADD", LIMITS, limit, id) end)
  end
  if is_terminal(job.state) then return end
  if queue.is_new then
    find("missing_record", job.queue, "is a queue with jobs and not on record", function() keep_queue(queue) end)
  end
  if job.state == BLOCKED and more.pa then
    check_parents(job, name)
  elseif job.state == BLOCKED and not redis.call("ZSCORE", PARKED_USERS .. job.queue, job.user) then
    find("misplaced_job", name, "waits for room, and its user is not among those who do",
      function() redis.call("ZADD", PARKED_USERS .. job.queue, 0, job.user) end)
  end
  if not more.ch and redis.call("EXISTS", CHILDREN .. id) == 1 and not is_owed(id) then
    find("misplaced_job", name, "has children that it would not tell of its end", function()
      more.ch = true
      write_job(job)
    end)
  end
end
