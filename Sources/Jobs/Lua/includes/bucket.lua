-- The bucket of a duration: `floor(4 · log2(ms))`, 0 to 127, exactly as DurationHistogram.bucket.
local function bucket(ms)
  if ms < 1 then ms = 1 end
  local fraction, exponent = math.frexp(math.floor(ms))
  fraction = fraction * 2
  local quarter = fraction < 1.189207115002721 and 0 or fraction < 1.4142135623730951 and 1
    or fraction < 1.681792830507429 and 2 or 3
  return math.min(127, (exponent - 1) * 4 + quarter)
end
