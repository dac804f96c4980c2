--- @include "includes/finish"
--- @include "includes/release_children"
-- A job was accepted after one it depends on had failed: decide at once.
local function fail_child(job, parent) release_child(job, parent, FAILED) end
