--- @include "includes/pack"
-- Why a job did not complete, as JobFailure.packed.
local function failure(code, message) return pack(code) .. pack(message) end

-- Of a job that somebody cancelled and gave no reason, as JobFailure.cancelled(nil).
local UNREASONED = failure("cancelled", "The job was cancelled.")
