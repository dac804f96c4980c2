--[[
  Do what a moment asks for: queue jobs that are due, let in those for whom a window was widened, let
  those go on whose parents have ended.

  KEYS[1] the partition: every key below lies in its slot
  ARGV[1] the most of each kind
  Touches: every family of keys
  Answers: how many were due
  Emits:   state queued with reason due, and what the others come to
]]
--- @flags allow-oom
--- @include "includes/now"
--- @include "includes/promote_due"
--- @include "includes/finish"
--- @include "includes/release_children"
--- @include "includes/unpark_all"
--- @include "includes/write_counts"

local limit = tonumber(ARGV[1])
local promoted = promote_due(limit)
local widened = redis.call("HGETALL", WIDENED)
for index = 1, #widened, 2 do unpark_all(queue_named(widened[index]), widened[index + 1], limit) end
children_left = limit
for _, ended in ipairs(redis.call("ZRANGE", ENDED_PARENTS, 0, limit - 1)) do
  if children_left > 0 then release_children(string.sub(ended, 2), string.sub(ended, 1, 1)) end
end
write_counts()
return promoted
