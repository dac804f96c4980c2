--- @include "includes/digits"
--- @include "includes/numbers"
--- @include "includes/user_chunk"
local function take_numbers()
  if not next_sequence or number_need == 0 then
    number_need = math.max(number_need, 1)
    local last, highest = unpack(redis.call("HMGET", NUMBERS, "sequence", "number"))
    local sequence = math.max((last or -1) + 1, micros - BEGINNING * 1000)
    local number = (highest or -1) + 1
    redis.call("HSET", NUMBERS, "sequence", digits(sequence + number_need - 1),
      "number", digits(number + number_need - 1))
    next_sequence, next_number = sequence, number
  end
  local sequence, number = next_sequence, next_number
  begin_chunk(number)
  next_sequence, next_number, number_need = sequence + 1, number + 1, number_need - 1
  return sequence, number
end
