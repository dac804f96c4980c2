--[[
  Accept a job, unless the same submission was accepted before.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] job id    ARGV[2] queue    ARGV[3] kind    ARGV[4] user    ARGV[5] priority    ARGV[6] payload
  ARGV[7] what is rarely asked for, a MessagePack map, or "":
          m, rp, to, uk, ck, g, wt as in the record; order f or l; at ms or delay ms;
          within, total: limits of its time, ms; parents {ids…}, rule c, f or r;
          key, fingerprint: of its idempotency, for `remembered` ms
  Touches: JOBS PAYLOADS QUEUES COUNTERS MINUTES WAITING WAKE DUE LIMITS BLOCKED_JOBS PARKED_USERS
           ADMITTED FAIR CHILDREN NUMBERS INDEX INDEX_CHUNKS USERS USER_CHUNKS CLAIMS GROUPS GROUP_JOBS
           GROUP_ENDS, and what an end does
  Answers: {"accepted" | what it was known by: "id" "idempotency_key" "unique_key" "content_key", describe…}
           | {"key_reused"} | {"draining"} | {"full", limit} | {"parent_not_found", id}
           | {"group_not_found"} | {"group_closed"}
  Emits:   state queued, scheduled or blocked, offset 1; where a parent had failed also its end; its group
]]
--- @include "includes/now"
--- @include "includes/submit"
--- @include "includes/write_counts"

local answer = submit(unpack(ARGV))
write_counts()
return answer
