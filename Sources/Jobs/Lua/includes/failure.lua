--- @include "includes/pack"
-- Why a job did not complete, as JobFailure.packed.
local function failure(code, message) return pack(code) .. pack(message) end
