--- @include "includes/records"
-- What a running job reported: offset, permille, moment, report. Reports do not touch the record, so
-- the job's offset is the greater of both. `job.reported` is for its group, which has counted that.
local function read_progress(job)
  local bytes = reports[job.id]
  if bytes == nil then bytes = redis.call("GET", PROGRESS .. job.id) end
  if not bytes then return false end
  local offset, permille, _, report = cmsgpack.unpack(bytes)
  if offset > job.offset then job.offset = offset end
  job.reported = permille
  job.more.pm, job.more.rep = permille, report ~= "" and report or nil
  return true
end
