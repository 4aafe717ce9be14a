-- What few tasks have beside their records, as replies hold it: index (from 0), more, lease, error, result...

-- Adds what the i-th has, if it has any.
local function addRest(rest, i, more, lease, failure, result)
  if more or lease or failure or result then
    local at = #rest
    rest[at + 1], rest[at + 2], rest[at + 3] = i - 1, more or "", lease or ""
    rest[at + 4], rest[at + 5] = failure or "", result or ""
  end
end
