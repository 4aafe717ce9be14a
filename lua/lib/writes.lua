-- What a call writes to one key: pairs in one flat table, and one command for all of them.

local function addPair(flat, first, second)
  local at = #flat
  flat[at + 1], flat[at + 2] = first, second
end

local function writePairs(command, key, flat)
  if #flat > 0 then
    redis.call(command, key, unpack(flat))
  end
end
