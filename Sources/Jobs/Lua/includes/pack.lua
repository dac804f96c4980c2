-- One text of a list, `<length>:<bytes>`: binary-safe, and no two lists are alike. Read by Packed.swift.
local function pack(text) return #text .. ":" .. text end
