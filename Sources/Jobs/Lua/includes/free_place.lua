--- @include "includes/admit"
-- A job of the user neither waits nor runs any more: the next one may.
local function free_place(queue, user)
  local taken = admit(queue, user, -1)
  if taken and taken < queue.window then
    --- @include "includes/unpark"
    unpark(queue, user)
  end
end
