-- The place in a queue: most urgent first, then in the order of acceptance. Ten bands of 2 * H that
-- never overlap; |score| stays below 2^53, where doubles are exact.
local function score(priority, sequence) return 4e14 + sequence - priority * 8e14 end
