--[[
  A page of all jobs, oldest first, with everything that is kept of them, and then of all groups.

  A page with groups has the jobs that were accepted since the last one before them: a group's jobs, and what
  its callback became, are always there before it is.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] where to go on, "" at first    ARGV[2] the most entries to give
  Touches: JOBS INDEX INDEX_CHUNKS LOGS CLAIMS GROUPS GROUP_INDEX GROUP_CALLBACKS, and what describe reads
  Answers: {where to go on, or false after the last; then for each
            job {describe…, the log, the fingerprint of its idempotency key or false},
            group {id, the group as group.lua keeps it, the request of its callback or false}}
  Emits:   nothing
]]
--- @flags no-writes
--- @include "includes/now"
--- @include "includes/claims"
--- @include "includes/describe"
--- @include "includes/group"

local number, group = string.match(ARGV[1], "^(%-?%d+) (.*)$")
local after, wanted = tonumber(number or -1), tonumber(ARGV[2])
group = group or ""
-- A page holds about a megabyte at most: taking it holds nobody up.
local room = 1048576
local answer = { false }

local function is_full() return wanted == 0 or room <= 0 end

local function add(entry, bytes)
  wanted, room = wanted - 1, room - bytes
  answer[#answer + 1] = entry
end

local function fingerprint(job)
  local claim = job.more.ik and redis.call("GET", idempotency_claim(job.user, job.more.ik))
  return claim and string.sub(claim, 17) == job.id and string.sub(claim, 1, 16)
end

-- True where the page is full before the last of them.
local function add_jobs()
  local next = math.floor((after + 1) / 128)
  while true do
    local chunk = redis.call("ZRANGEBYSCORE", INDEX, next, "+inf", "LIMIT", 0, 1)[1]
    if not chunk then return false end
    next = chunk + 1
    local fields, entries = redis.call("HGETALL", INDEX_CHUNKS .. chunk), {}
    for index = 1, #fields, 2 do
      entries[#entries + 1] = { chunk * 128 + fields[index], fields[index + 1] }
    end
    table.sort(entries, function(a, b) return a[1] < b[1] end)
    for _, entry in ipairs(entries) do
      local job = entry[1] > after and read_job(entry[2])
      if job then
        if is_full() then return true end
        local log, described = redis.call("LRANGE", LOGS .. job.id, 0, -1), describe(job, true)
        add({ described, log, fingerprint(job) or false },
          #job.bytes + #(described[7] or "") + #(described[6] or "") + 200 * #log)
      end
      after = math.max(after, entry[1])
    end
  end
end

local function add_groups()
  while true do
    local ids = redis.call("ZRANGEBYLEX", GROUP_INDEX, group == "" and "-" or "(" .. group, "+",
      "LIMIT", 0, 100)
    for _, id in ipairs(ids) do
      local found = read_group(id)
      if found and found.user then
        if is_full() then return true end
        local callback = redis.call("GET", GROUP_CALLBACKS .. id)
        add({ id, found.bytes, callback }, #found.bytes + #(callback or ""))
      end
      group = id
    end
    if #ids < 100 then return false end
  end
end

if add_jobs() or add_groups() then answer[1] = string.format("%.0f %s", after, group) end
return answer
