--[[
  Accept jobs, each unless the same submission was accepted before.

  KEYS[1] the partition: every key below lies in its slot
  ARGV, seven for each job:
  ARGV[1] job id    ARGV[2] queue    ARGV[3] kind    ARGV[4] user    ARGV[5] priority    ARGV[6] payload
  ARGV[7] what is rarely asked for, a MessagePack map, or "":
          m, rp, to, uk, ck, g, wt, hs, wb as in the record; order f or l; at ms or delay ms;
          within, total: limits of its time, ms; parents {ids…}, rule c, f or r;
          key, fingerprint: of its idempotency, for `remembered` ms
  Touches: JOBS PAYLOADS QUEUES COUNTERS MINUTES WAITING WAKE DUE LIMITS BLOCKED_JOBS PARKED_USERS
           ADMITTED FAIR CHILDREN NUMBERS INDEX INDEX_CHUNKS USERS USER_CHUNKS CLAIMS GROUPS GROUP_JOBS
           GROUP_ENDS FEED, and what an end does
  Answers: for each job {"accepted" | what it was known by: "id" "idempotency_key" "unique_key" "content_key", describe…}
           | {"key_reused"} | {"draining"} | {"full", limit} | {"parent_not_found", id}
           | {"group_not_found"} | {"group_closed"}
           | {"failed", why}: one that cannot be accepted takes nothing from the others
  Emits:   state queued, scheduled or blocked, offset 1; where a parent had failed also its end; its group
]]
--- @include "includes/now"
--- @include "includes/submit"
--- @include "includes/write_counts"

local jobs = #ARGV / 7
number_need = jobs
if jobs > 1 then
  local ids = {}
  for first = 1, #ARGV, 7 do ids[#ids + 1] = ARGV[first] end
  read_ahead(ids)
  collect()
end
local words, subjects, failures = {}, {}, 0
for number = 1, jobs do
  local first = 7 * number - 6
  local sound, word, subject = pcall(submit, unpack(ARGV, first, first + 6))
  if not sound then
    failures = failures + 1
    word, subject = "failed", type(word) == "table" and word.err or tostring(word)
  end
  words[number], subjects[number] = word, subject or false
end
if next_sequence and number_need > 0 then
  --- @include "includes/return_numbers"
  return_numbers()
end
write_counts()
-- What refuses them all is not about one of them: no memory, no writing here.
if failures == jobs then return redis.error_reply(subjects[1]) end
local answers = {}
for number = 1, jobs do answers[number] = told(words[number], subjects[number] or nil) end
return answers
