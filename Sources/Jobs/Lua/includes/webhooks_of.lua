-- The webhooks of a job that has some itself, in a queue that may have others: an address is told once.
local function webhooks_of(own, queued)
  local all, named = {}, {}
  for _, hook in ipairs(own) do all[#all + 1], named[hook[1]] = hook, true end
  for _, hook in ipairs(queued) do
    if not named[hook[1]] then all[#all + 1] = { hook[1], hook[2], true } end
  end
  return #all > 0 and all or nil
end
