-- counts: how many tasks of a shard are in each state, and its counters.
--
-- One step, so that the numbers belong together: added = completed + cancelled + purged + delayed + ready + leased + dead.
--
-- flags: no-writes
-- include lib/clock
--
-- KEYS[1..10]  due      zset  task id scored by due time (ms), one a level
-- KEYS[11..20] ready    list  the runways, one a level
-- KEYS[21]     leased   zset  id scored by lease deadline (ms)
-- KEYS[22]     dead     zset  id scored by when it died (ms)
-- KEYS[23]     done     zset  id scored by when it is forgotten (ms)
-- KEYS[24]     ctl      hash  the shard's copy of meta
-- KEYS[25]     stats    hash  counters
--
-- ARGV[1]      nowMs    int   0 means Redis TIME
--
-- Replies
--   { "COUNTS", delayed, ready, leased, dead, done, paused, counter, count... }
--
-- Cost O(log N).
local due, ready = { unpack(KEYS, 1, 10) }, { unpack(KEYS, 11, 20) }
local leased, dead, done, ctl, stats = KEYS[21], KEYS[22], KEYS[23], KEYS[24], KEYS[25]

local nowMs = readClock(ARGV[1])
local delayedCount, readyCount = 0, 0
local levels = redis.call("HGET", ctl, "levels") or ""
for i = 1, #levels do
  local level = string.byte(levels, i) - 48
  local dueCount = redis.call("ZCOUNT", due[level + 1], "-inf", whole(nowMs))
  readyCount = readyCount + dueCount + redis.call("LLEN", ready[level + 1])
  delayedCount = delayedCount + redis.call("ZCARD", due[level + 1]) - dueCount
end
return {
  "COUNTS",
  delayedCount,
  readyCount,
  redis.call("ZCARD", leased),
  redis.call("ZCARD", dead),
  redis.call("ZCARD", done),
  redis.call("HGET", ctl, "paused") or "0",
  unpack(redis.call("HGETALL", stats)),
}
