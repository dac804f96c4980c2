local function is_terminal(state) return state == COMPLETED or state == FAILED or state == CANCELLED end
