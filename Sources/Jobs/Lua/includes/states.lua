-- The letters of states, as in JobState.letter.
local SCHEDULED, BLOCKED, QUEUED, RUNNING, RETRYING = "d", "b", "w", "a", "y"
local COMPLETED, FAILED, CANCELLED = "c", "f", "x"
local function is_terminal(state) return state == COMPLETED or state == FAILED or state == CANCELLED end
