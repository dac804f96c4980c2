-- Publish an event of a job, to its own watchers and to its user's.
--
-- `words` are the facts without spaces, in the order JobEvent+Packed.swift reads them. `report`,
-- `result` and `failure` are texts as the caller packed them, "" for none.
local function emit(id, user, words, reason, report, result, failure)
  local message = pack(words .. " " .. id) .. pack(user) .. pack(reason) .. pack(report)
    .. pack(result) .. pack(failure)
  redis.call("PUBLISH", JOB_EVENTS .. id, message)
  redis.call("PUBLISH", USER_EVENTS .. user, message)
end
