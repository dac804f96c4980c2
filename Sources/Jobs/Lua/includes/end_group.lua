local end_group
--- @include "includes/group"
--- @include "includes/accept"
-- Finish a closed group all of whose jobs have ended, and submit its callback; the caller keeps the group.
end_group = function(group)
  group.state, group.finished = "f", now
  redis.call("ZADD", GROUP_ENDS, now + GROUP_RETENTION, group.id)
  local bytes = redis.call("GET", GROUP_CALLBACKS .. group.id)
  if not bytes then return end
  redis.call("DEL", GROUP_CALLBACKS .. group.id)
  local request = cmsgpack.unpack(bytes)
  -- Whatever the bound and the mode of its queue: the end that it follows cannot be refused. The key that it
  -- names may have been used for another request: then nothing comes of it.
  local _, job = accept(request.id, request.queue, request.kind, request.user, request.priority,
    request.payload, request.asked, true)
  group.callback = job and job.id or false
end
