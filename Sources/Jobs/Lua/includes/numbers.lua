--- @shared
-- The sequence and the number of the next job to be accepted. Taken from NUMBERS in one piece for all that a
-- script may accept: `number_need` is how many those are yet. What is left over is given back: the listing of all
-- jobs has no holes.
local number_need, next_sequence, next_number = 1, nil, 0

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

local function return_numbers()
  if next_sequence and number_need > 0 then
    redis.call("HSET", NUMBERS, "sequence", next_sequence - 1, "number", next_number - 1)
  end
end
