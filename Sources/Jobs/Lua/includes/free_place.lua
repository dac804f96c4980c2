-- A job of the user neither waits nor runs any more: the next one may.
local function free_place(queue, user)
  local taken = redis.call("HINCRBY", ADMITTED .. queue.name, user, -1)
  if taken <= 0 then redis.call("HDEL", ADMITTED .. queue.name, user) end
  if queue.window and taken < queue.window then
    --- @defer unpark "includes/unpark"
    unpark(queue, user)
  end
end
