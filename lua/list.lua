-- list: a page of ids of one structure, in its order.
--
-- Where a page begins is told by the last id of the page before and its score, not by a rank: ids that leave meanwhile do
-- not make others be missed. Bounded: 1000 ids.
--
-- flags: no-writes
-- include lib/clock
--
-- KEYS[1]  scored   zset  the structure
--
-- ARGV[1]  nowMs    int   0 means Redis TIME
-- ARGV[2]  range    text  "all", or for a due set "due" (until now) or "later"
-- ARGV[3]  score    text  of the last id of the page before; empty for the first page
-- ARGV[4]  id       text  the last id of the page before
-- ARGV[5]  limit    int   1..1000
--
-- Replies
--   { "PAGE", nowMs, id, score... }
--
-- Cost O(log N * log M + L) for a page of L, M being how many share the score.
local scored = KEYS[1]
local range, score, id, limit = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])

-- Byte by byte, as Redis orders them; Lua's own comparison depends on the locale.
local function isAfter(a, b)
  for i = 1, math.min(#a, #b) do
    local difference = string.byte(a, i) - string.byte(b, i)
    if difference ~= 0 then
      return difference > 0
    end
  end
  return #a > #b
end

local nowMs = readClock(ARGV[1])
local first, last = 0, -1
if range == "later" then
  first = redis.call("ZCOUNT", scored, "-inf", whole(nowMs))
elseif range == "due" then
  last = redis.call("ZCOUNT", scored, "-inf", whole(nowMs)) - 1
end
if score ~= "" then
  -- Ids of one score stand in the order of their bytes: look for the first behind `id` by halving.
  local low = redis.call("ZCOUNT", scored, "-inf", "(" .. score)
  local high = low + redis.call("ZCOUNT", scored, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if isAfter(redis.call("ZRANGE", scored, whole(middle), whole(middle))[1], id) then
      high = middle
    else
      low = middle + 1
    end
  end
  first = math.max(first, low)
end
if range == "due" and first > last then
  return { "PAGE", nowMs }
end
local stop = last == -1 and first + limit - 1 or math.min(last, first + limit - 1)
return { "PAGE", nowMs, unpack(redis.call("ZRANGE", scored, whole(first), whole(stop), "WITHSCORES")) }
