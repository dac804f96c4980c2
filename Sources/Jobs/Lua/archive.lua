--[[
  A page of all jobs, oldest first, with everything that is kept of them.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] after which number, -1 for the first    ARGV[2] the most jobs to give
  Touches: JOBS INDEX INDEX_CHUNKS LOGS, and what describe reads
  Answers: {number to go on after, or false after the last; {describe…, the log} for each}
  Emits:   nothing
]]
--- @include "includes/now"
--- @include "includes/describe"

local after, wanted = tonumber(ARGV[1]), tonumber(ARGV[2])
-- A page holds about a megabyte at most: taking it holds nobody up.
local room = 1048576
local answer = { false }
while true do
  local chunk = redis.call("ZRANGEBYSCORE", INDEX, math.floor((after + 1) / 128), "+inf", "LIMIT", 0, 1)[1]
  if not chunk then return answer end
  local fields, entries = redis.call("HGETALL", INDEX_CHUNKS .. chunk), {}
  for index = 1, #fields, 2 do entries[#entries + 1] = { chunk * 128 + fields[index], fields[index + 1] } end
  table.sort(entries, function(a, b) return a[1] < b[1] end)
  for _, entry in ipairs(entries) do
    local number, id = entry[1], entry[2]
    if number > after then
      local job = read_job(id)
      if job then
        if wanted == 0 or room <= 0 then
          answer[1] = after
          return answer
        end
        local log = redis.call("LRANGE", LOGS .. id, 0, -1)
        local described = describe(job, true)
        wanted, room = wanted - 1, room - #job.bytes - #(described[7] or "") - #(described[6] or "") - 200 * #log
        answer[#answer + 1] = { described, log }
      end
      after = number
    end
  end
  after = math.max(after, chunk * 128 + 127)
end
