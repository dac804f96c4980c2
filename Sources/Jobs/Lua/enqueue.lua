--[[
  Accept jobs, each unless the same submission was accepted before.

  KEYS[1] the partition: every key below lies in its slot
  ARGV, seven for each job:
  ARGV[1] job id    ARGV[2] queue    ARGV[3] kind    ARGV[4] user    ARGV[5] priority    ARGV[6] payload
  ARGV[7] what is rarely asked for, a MessagePack map, or "":
          m, rp, to, uk, ck, g, wt as in the record; order f or l; at ms or delay ms;
          within, total: limits of its time, ms; parents {ids…}, rule c, f or r;
          key, fingerprint: of its idempotency, for `remembered` ms
  Touches: JOBS PAYLOADS QUEUES COUNTERS MINUTES WAITING WAKE DUE LIMITS BLOCKED_JOBS PARKED_USERS
           ADMITTED FAIR CHILDREN NUMBERS INDEX INDEX_CHUNKS USERS USER_CHUNKS CLAIMS GROUPS GROUP_JOBS
           GROUP_ENDS, and what an end does
  Answers: for each job {"accepted" | what it was known by: "id" "idempotency_key" "unique_key" "content_key", describe…}
           | {"key_reused"} | {"draining"} | {"full", limit} | {"parent_not_found", id}
           | {"group_not_found"} | {"group_closed"}
           | {"failed", why}: one that cannot be accepted takes nothing from the others
  Emits:   state queued, scheduled or blocked, offset 1; where a parent had failed also its end; its group
]]
--- @include "includes/now"
--- @include "includes/submit"
--- @include "includes/write_counts"

local answers, failures, why = {}, 0, nil
number_need = #ARGV / 7
for first = 1, #ARGV, 7 do
  local succeeds, answer = pcall(submit, unpack(ARGV, first, first + 6))
  if not succeeds then
    failures = failures + 1
    why = type(answer) == "table" and answer.err or tostring(answer)
    answer = { "failed", why }
  end
  answers[#answers + 1] = answer
end
if next_sequence and number_need > 0 then
  --- @defer return_numbers "includes/return_numbers"
  return_numbers()
end
write_counts()
-- What refuses them all is not about one of them: no memory, no writing here.
if failures == #answers then return redis.error_reply(why) end
return answers
