-- extend: leases of one worker get a new deadline.
--
-- One step per batch of up to 1000. A lease with another fence is not touched, and its id comes back. Sent again, it only
-- sets the same deadlines a little later.
--
-- flags: allow-oom
-- include lib/clock lib/items lib/lease
--
-- KEYS[1]   leased   zset  id scored by lease deadline (ms)
-- KEYS[2]   leases   hash  id -> fence, start, worker
--
-- ARGV[1]   nowMs    int   0 means Redis TIME
-- ARGV[2]   leaseMs  int
-- ARGV[3..] items          each: id, fence
--
-- Replies
--   { "EXTENDED", index... }  the indexes (from 0) of the leases that are lost
--
-- Cost O(M log N) for M leases.
local leased, leases = KEYS[1], KEYS[2]
local leaseMs = tonumber(ARGV[2])
local ITEMS_AT = 3

local nowMs = readClock(ARGV[1])
local ids = idsOfItems(ITEMS_AT, 2)
local held = redis.call("HMGET", leases, unpack(ids))
local answer, deadlines, endMs = { "EXTENDED" }, {}, whole(nowMs + leaseMs)
for i, id in ipairs(ids) do
  if holdsFence(held[i], ARGV[ITEMS_AT + i * 2 - 1]) then
    deadlines[#deadlines + 1] = endMs
    deadlines[#deadlines + 1] = id
  else
    answer[#answer + 1] = i - 1
  end
end
if #deadlines > 0 then
  redis.call("ZADD", leased, "XX", unpack(deadlines))
end
return answer
