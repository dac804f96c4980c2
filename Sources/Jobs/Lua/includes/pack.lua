-- One field of a packed list, `<length>:<bytes>`: binary-safe, read by Packed.swift.
local function pack(text) return #text .. ":" .. text end
