-- What an audit found: the answer of audit.lua, whose first argument says whether it is mended.
local answer, is_mending = { 0, false, false }, ARGV[1] == "1"

local function find(kind, subject, detail, mend)
  local n, mends = #answer, is_mending and mend
  answer[n + 1], answer[n + 2], answer[n + 3], answer[n + 4] = kind, subject, detail, mends and 1 or 0
  if mends then mend() end
end
