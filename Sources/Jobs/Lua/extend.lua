--[[
  Renew leases, each if it is still the caller's.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] duration ms    ARGV[2…] job id and token, for each lease
  Touches: JOBS LEASES PROGRESS
  Answers: for each lease "held" | "cancel" | "lost"
  Emits:   state running, reason recovered, of those that were shown as stalled
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/extend_leases"

local answer = {}
extend_leases(answer, now + ARGV[1], ARGV, 2)
return answer
