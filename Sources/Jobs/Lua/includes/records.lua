-- The records that a script read ahead or has written, and what it read ahead of PROGRESS; false where there is
-- none.
local records, reports = {}, {}

-- Read the records of jobs that are about to be asked for, in one command. Of many the first: a call takes so many.
local function read_ahead(ids)
  local first = redis.call("HMGET", JOBS, unpack(ids, 1, math.min(#ids, 1000)))
  for index, bytes in ipairs(first) do
    -- What the script itself has written is newer.
    if records[ids[index]] == nil then records[ids[index]] = bytes end
  end
end

-- Read what jobs reported, as read_ahead does.
local function read_progress_ahead(ids)
  local keys = {}
  for index = 1, math.min(#ids, 1000) do keys[index] = PROGRESS .. ids[index] end
  for index, bytes in ipairs(redis.call("MGET", unpack(keys))) do reports[ids[index]] = bytes end
end
