--- @include "includes/numbers"
local function take_numbers()
  if not next_sequence or number_need == 0 then
    number_need = math.max(number_need, 1)
    local last, number = unpack(redis.call("HMGET", NUMBERS, "sequence", "number"))
    next_sequence = math.max((last or -1) + 1, micros - BEGINNING * 1000)
    next_number = (number or -1) + 1
    redis.call("HSET", NUMBERS, "sequence", next_sequence + number_need - 1,
      "number", next_number + number_need - 1)
  end
  local sequence, number = next_sequence, next_number
  next_sequence, next_number, number_need = sequence + 1, number + 1, number_need - 1
  return sequence, number
end
