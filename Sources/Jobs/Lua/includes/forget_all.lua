--- @include "includes/forget"
-- Let go of ended jobs, members of `key`; how many.
local function forget_all(key, ids)
  for _, id in ipairs(ids) do
    local job = read_job(id)
    if job then forget(job) else redis.call("ZREM", key, id) end
  end
  return #ids
end
