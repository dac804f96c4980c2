--[[
  End leases, then give the next jobs: what a busy worker does between two jobs.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] random, 0 to 1, from the caller    ARGV[2] how many leases to end
  for each: job id, token, outcome, text, policy (MessagePack) or "", as settle_job has them
  then, where jobs are wanted: worker, duration ms, the most jobs to give, queues in order…
  Touches: every family of keys
  Answers: {outcomes, a letter or "lost" each, one after the other; deadline ms; then as lease_jobs has them}
  Emits:   state of each job ended or taken; of those that came due, or that an end lets go on
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/settle_job"
--- @include "includes/promote_due"
--- @include "includes/lease_jobs"
--- @include "includes/write_counts"

local random, settlements = tonumber(ARGV[1]), tonumber(ARGV[2])
local outcomes, position = {}, 3
if settlements > 1 or (tonumber(ARGV[5 * settlements + 5]) or 0) > 1 then collect() end
if settlements > 1 then
  local ids = {}
  for number = 1, settlements do ids[number] = ARGV[5 * number - 2] end
  read_ahead(ids)
  read_progress_ahead(ids)
end
for number = 1, settlements do
  local policy = ARGV[position + 4]
  outcomes[number] = settle_job(ARGV[position], tonumber(ARGV[position + 1]), ARGV[position + 2],
    ARGV[position + 3], policy ~= "" and cmsgpack.unpack(policy), random) or "lost"
  position = position + 5
end
local answer = { outcomes, 0 }
if ARGV[position] then
  local deadline = now + ARGV[position + 1]
  answer[2] = deadline
  promote_due(50)
  lease_jobs(answer, ARGV[position], deadline, tonumber(ARGV[position + 2]), ARGV, position + 3)
end
write_counts()
return answer
