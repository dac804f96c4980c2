--- @include "includes/settle_job"
--- @include "includes/write_counts"
-- Give back what a worker was given before the moment `heard` and does not name among its leases, pairs of id
-- and token in `pairs_of` from `first` on: the answer that gave it to the worker was lost.
local function release_unheard(worker, heard, pairs_of, first)
  local named = {}
  for index = first, #pairs_of, 2 do named[pairs_of[index]] = true end
  for _, id in ipairs(redis.call("SMEMBERS", WORKER_JOBS .. worker)) do
    local job = not named[id] and read_job(id)
    if job and job.state == RUNNING and job.more.h == worker and (job.more.at or job.more.st) < heard then
      settle_job(id, job.more.v, "release", "", false, 0)
    end
  end
  write_counts()
end
