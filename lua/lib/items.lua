-- The variable part of a call: items of one size behind the fixed arguments. The first of each is a task's id.
--
-- Here and where batches are worked, places are counted and not asked for: `t[#t + 1]` costs a search, `ipairs` a call.

local function idsOfItems(from, size)
  local ids, count = {}, 0
  for at = from, #ARGV, size do
    count = count + 1
    ids[count] = ARGV[at]
  end
  return ids
end
