-- A job as it stands: the fields of its record in the order RedisRecord.swift reads them, then its
-- rank in the queue, whether its lease ran out, its last report, its result or failure, its payload.
-- False for an unknown id.
local function read_job(id, with_payload)
  local record = redis.call("HMGET", JOBS .. id, "s", "q", "k", "u", "p", "a", "ma", "to", "dl", "c",
    "st", "f", "t", "e", "ep", "pg", "cx", "sq")
  local state = record[1]
  if not state then return false end
  local texts = with_payload
    and redis.call("MGET", REPORTS .. id, RESULTS .. id, PAYLOADS .. id)
    or redis.call("MGET", REPORTS .. id, RESULTS .. id)
  record[19] = state == QUEUED and redis.call("ZRANK", WAITING .. record[2], id)
  record[20] = false
  if state == RUNNING then
    local deadline = redis.call("ZSCORE", LEASES, id)
    if not deadline or tonumber(deadline) <= now then record[20] = "1" end
  end
  record[21], record[22], record[23] = texts[1], texts[2], texts[3] or false
  record[24] = id
  return record
end
