-- look-shard: who serves a shard, how many tasks it holds of each state, its counters, and which times tell how it fares.
--
-- One step, so that the numbers belong together. What has waited longest stands first on a runway, or first in a due set; of a
-- runway it is the record that knows the due time.
--
-- flags: no-writes
-- include lib/clock lib/record
--
-- KEYS[1..10]  due      zset  task id scored by due time (ms), one a level
-- KEYS[11..20] ready    list  the runways, one a level
-- KEYS[21]     tasks    hash  id -> record
-- KEYS[22]     more     hash  id -> changed facts
-- KEYS[23]     leased   zset  id scored by lease deadline (ms)
-- KEYS[24]     dead     zset  id scored by when it died (ms)
-- KEYS[25]     done     zset  id scored by when it is forgotten (ms)
-- KEYS[26]     ctl      hash  the shard's copy of meta
-- KEYS[27]     seq      hash  last fence, epoch, owner
-- KEYS[28]     stats    hash  counters
--
-- ARGV[1]      nowMs    int   0 means Redis TIME
-- ARGV[2]      sinceMs  int   how long ago a death is recent
--
-- Replies
--   { "SHARD", nowMs, epoch, owner, paused, delayed, ready, leased, dead, done, nextDueMs, oldestDueMs, expiredLeases,
--     firstDeadlineMs, diedLately, diedBefore, counter, count... }
--       nextDueMs is when the next delayed task is due, oldestDueMs when the longest waiting ready one was; expiredLeases:
--       those whose deadline has passed; firstDeadlineMs: of any lease; diedLately: recent deaths; diedBefore: those of as long
--       a time before. A time is -1 where there is none.
--
-- Cost O(log N).
local due, ready = { unpack(KEYS, 1, 10) }, { unpack(KEYS, 11, 20) }
local tasks, more, leased, dead, done = KEYS[21], KEYS[22], KEYS[23], KEYS[24], KEYS[25]
local ctl, seq, stats = KEYS[26], KEYS[27], KEYS[28]
local sinceMs = tonumber(ARGV[2])

local nowMs = readClock(ARGV[1])
local delayedCount, readyCount, nextDueMs, oldestDueMs = 0, 0, math.huge, math.huge
local levels = redis.call("HGET", ctl, "levels") or ""
for i = 1, #levels do
  local level = string.byte(levels, i) - 48
  local dueKey, readyKey = due[level + 1], ready[level + 1]
  local dueCount = redis.call("ZCOUNT", dueKey, "-inf", whole(nowMs))
  readyCount = readyCount + dueCount + redis.call("LLEN", readyKey)
  delayedCount = delayedCount + redis.call("ZCARD", dueKey) - dueCount
  local head = dueCount > 0 and redis.call("ZRANGE", dueKey, "0", "0", "WITHSCORES")[2]
  if head then
    oldestDueMs = math.min(oldestDueMs, tonumber(head))
  end
  local following = redis.call("ZRANGE", dueKey, whole(dueCount), whole(dueCount), "WITHSCORES")[2]
  if following then
    nextDueMs = math.min(nextDueMs, tonumber(following))
  end
  local id = redis.call("LINDEX", readyKey, "0")
  local record = id and redis.call("HGET", tasks, id)
  if record and isReadable(record) then
    local _, _, dueAtMs = factsOf(record, redis.call("HGET", more, id), nowMs)
    oldestDueMs = math.min(oldestDueMs, dueAtMs)
  end
end
local deadline = redis.call("ZRANGE", leased, "0", "0", "WITHSCORES")[2]
local lately, before = whole(nowMs - sinceMs), whole(nowMs - 2 * sinceMs)
local held = redis.call("HMGET", seq, "epoch", "owner")
return {
  "SHARD",
  nowMs,
  held[1] or "0",
  held[2] or "",
  redis.call("HGET", ctl, "paused") or "0",
  delayedCount,
  readyCount,
  redis.call("ZCARD", leased),
  redis.call("ZCARD", dead),
  redis.call("ZCARD", done),
  nextDueMs < math.huge and nextDueMs or -1,
  oldestDueMs < math.huge and oldestDueMs or -1,
  redis.call("ZCOUNT", leased, "-inf", whole(nowMs)),
  deadline or -1,
  redis.call("ZCOUNT", dead, "(" .. lately, "+inf"),
  redis.call("ZCOUNT", dead, "(" .. before, lately),
  unpack(redis.call("HGETALL", stats)),
}
