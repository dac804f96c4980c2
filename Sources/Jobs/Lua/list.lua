--[[
  A page of jobs, newest first; looks at no more than 500 a call.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] "1" for the jobs of one user    ARGV[2] user    ARGV[3] the highest sequence, exclusive: "(17" or "+inf"
  ARGV[4] the most jobs to answer with    ARGV[5] letters of the states wanted, "" for all
  Touches: INDEX USERS JOBS REPORTS RESULTS WAITING LEASES
  Answers: {the sequence to go on below, "" at the end, record…}
  Emits:   nothing
]]
--- @include "keys"
--- @include "includes/now"
--- @include "includes/words"
--- @include "includes/read_job"

local index = ARGV[1] == "1" and USERS .. ARGV[2] or INDEX
local limit, states = tonumber(ARGV[4]), ARGV[5]
local found = redis.call("ZREVRANGEBYSCORE", index, ARGV[3], "-inf", "WITHSCORES", "LIMIT", 0, 500)
local answer = { "" }
for place = 1, #found, 2 do
  local id, sequence = found[place], found[place + 1]
  local state = redis.call("HGET", JOBS .. id, "s")
  if state and (states == "" or string.find(states, state, 1, true)) then
    answer[#answer + 1] = read_job(id, false)
    if #answer > limit then
      answer[1] = sequence
      return answer
    end
  end
end
if #found == 1000 then answer[1] = found[1000] end
return answer
