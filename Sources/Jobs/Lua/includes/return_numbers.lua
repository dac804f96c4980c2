--- @include "includes/numbers"
local function return_numbers()
  redis.call("HSET", NUMBERS, "sequence", next_sequence - 1, "number", next_number - 1)
end
