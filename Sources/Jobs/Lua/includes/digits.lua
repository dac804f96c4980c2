-- A whole number as Redis reads it. Left to redis.call, a number is written as what it might be, with a fraction of
-- seventeen digits, which takes longer than many a command.
local function digits(number)
  if number == 1 then return "1" elseif number == -1 then return "-1" end
  return string.format("%d", number)
end
