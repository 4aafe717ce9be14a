-- due-before: how many pending tasks of a shard are due before each of some instants.
--
-- Counts, and never lists: so what falls due ahead can be told of any number of tasks. Bounded: 100 instants.
--
-- flags: no-writes
-- include lib/clock
--
-- KEYS[1..10]  due      zset  task id scored by due time (ms), one a level
-- KEYS[11..20] ready    list  the runways, one a level
-- KEYS[21]     ctl      hash  the shard's copy of meta
--
-- ARGV[1]      nowMs    int   0 means Redis TIME
-- ARGV[2..]    items    instantMs
--
-- Replies
--   { "COUNTED", nowMs, runway, due, later, counts }
--     runway: those on the runway; due: those that are due now and not there; later: the others; counts: one an instant,
--     spaces between, the runways left out
--
-- Cost O(L * I * log N) for L levels and I instants.
local due, ready, ctl = { unpack(KEYS, 1, 10) }, { unpack(KEYS, 11, 20) }, KEYS[21]
local ITEMS_AT = 2

local nowMs = readClock(ARGV[1])
local runwayCount, dueCount, laterCount, counts = 0, 0, 0, {}
for at = ITEMS_AT, #ARGV do
  counts[at - ITEMS_AT + 1] = 0
end
local levels = redis.call("HGET", ctl, "levels") or ""
for i = 1, #levels do
  local level = string.byte(levels, i) - 48
  local key = due[level + 1]
  local dueNow = redis.call("ZCOUNT", key, "-inf", whole(nowMs))
  runwayCount = runwayCount + redis.call("LLEN", ready[level + 1])
  dueCount = dueCount + dueNow
  laterCount = laterCount + redis.call("ZCARD", key) - dueNow
  for at = ITEMS_AT, #ARGV do
    local n = at - ITEMS_AT + 1
    counts[n] = counts[n] + redis.call("ZCOUNT", key, "-inf", "(" .. ARGV[at])
  end
end
return { "COUNTED", nowMs, runwayCount, dueCount, laterCount, table.concat(counts, " ") }
