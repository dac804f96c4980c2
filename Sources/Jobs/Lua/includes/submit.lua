--- @include "includes/accept"
--- @include "includes/describe"
-- Accept a job as enqueue.lua does, whose arguments these are: the word it answers with, and what is to be told
-- with that.
local function submit(id, name, kind, user, priority, payload, asked)
  local word, subject, failed =
    accept(id, name, kind, user, priority, payload, asked ~= "" and cmsgpack.unpack(asked) or {})
  if failed then
    --- @include "includes/fail_child"
    fail_child(subject, failed)
  end
  return word, subject
end

-- The answer of enqueue.lua.
local function told(word, subject)
  if type(subject) ~= "table" then return { word, subject } end
  return { word, describe(subject, word ~= "accepted") }
end
