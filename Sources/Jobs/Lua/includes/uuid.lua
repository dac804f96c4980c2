-- The 36 characters of a job's id, for people; the keys have it in 22 (JobID+Key.swift).
local function uuid(id)
  local digits = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
  local bits, held, text = 0, 0, {}
  for place = 1, #id do
    bits = bits * 64 + string.find(digits, string.sub(id, place, place), 1, true) - 1
    held = held + 6
    while held >= 4 and #text < 32 do
      held = held - 4
      local digit = math.floor(bits / 2 ^ held)
      bits = bits - digit * 2 ^ held
      text[#text + 1] = string.format("%x", digit)
    end
  end
  local all = table.concat(text)
  return string.sub(all, 1, 8) .. "-" .. string.sub(all, 9, 12) .. "-" .. string.sub(all, 13, 16)
    .. "-" .. string.sub(all, 17, 20) .. "-" .. string.sub(all, 21)
end
