-- The variable part of a call: items of one size behind the fixed arguments.

-- Counts, since `ids[#ids + 1]` costs a search each time. from: where the id of the first item stands.

local function idsOfItems(from, size)
  local ids, count = {}, 0
  for at = from, #ARGV, size do
    count = count + 1
    ids[count] = ARGV[at]
  end
  return ids
end
