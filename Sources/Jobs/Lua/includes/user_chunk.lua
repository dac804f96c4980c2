-- The listing of all jobs, and of each user's, in the order of their numbers.
--
-- Chunks stay small enough for Redis's compact forms: 128 ids by number in a hash (INDEX_CHUNKS), up
-- to 256 numbers in a set of integers for a user (USER_CHUNKS). The chunks that exist are named in
-- sorted sets (INDEX, USERS), so that a reader skips what was forgotten. A user's chunk is named by the
-- first number that went into it. Restored jobs stand here too, by the number that they got, and are listed
-- where RESTORED has them.
local function user_chunk(first, user) return USER_CHUNKS .. first .. " " .. user end

-- Names the chunk of the listing of all jobs that a number begins, if it does: when the number is given, before
-- anything else about the job may fail, since the chunk is that of others too.
local function begin_chunk(number)
  if number % 128 == 0 then redis.call("ZADD", INDEX, number / 128, number / 128) end
end

-- The newest chunk of each user to whose listing a script adds: its name, and how many numbers it has.
local newest_chunks = {}
