--- @include "includes/accept"
--- @include "includes/describe"
-- Accept a job as enqueue.lua does, whose arguments and answers these are.
local function submit(id, name, kind, user, priority, payload, asked)
  local word, subject, failed =
    accept(id, name, kind, user, priority, payload, asked ~= "" and cmsgpack.unpack(asked) or {})
  if failed then
    --- @defer fail_child "includes/fail_child"
    fail_child(subject, failed)
  end
  if type(subject) ~= "table" then return { word, subject } end
  return { word, describe(subject, word ~= "accepted") }
end
