-- The sequence and the number of the next job to be accepted. Taken from NUMBERS in one piece for all that a
-- script may accept: `number_need` is how many those are yet. What is left over is given back: the listing of all
-- jobs has no holes.
local number_need, next_sequence, next_number = 1, nil, 0
