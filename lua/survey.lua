-- survey: what whoever looks after a queue wants to know of a shard, beside its counts.
--
-- The due time of a task on the runway stands in its record; a runway is in order, so its first task tells of all.
--
-- flags: no-writes
-- include lib/clock lib/record
--
-- KEYS[1..10]  due      zset  task id scored by due time (ms), one a level
-- KEYS[11..20] ready    list  the runways, one a level
-- KEYS[21]     tasks    hash  id -> record
-- KEYS[22]     more     hash  id -> facts that changed
-- KEYS[23]     leased   zset  id scored by lease deadline (ms)
-- KEYS[24]     dead     zset  id scored by when it died (ms)
-- KEYS[25]     ctl      hash  the shard's copy of meta
-- KEYS[26]     seq      hash  fence, epoch, owner
--
-- ARGV[1]      nowMs    int   0 means Redis TIME
-- ARGV[2]      sinceMs  int   how long ago a death is recent
--
-- Replies
--   { "SURVEYED", nowMs, owner, epoch, oldestDueMs, nextDueMs, expired, firstDeadlineMs, diedLately, diedBefore }
--     owner: empty for none; oldestDueMs: of those that are due, -1 for none; nextDueMs: of the others, -1 for none;
--     expired: leases whose deadline has passed; firstDeadlineMs: -1 without leases; diedLately: recent deaths;
--     diedBefore: those of as long a time before
--
-- Cost O(log N).
local due, ready = { unpack(KEYS, 1, 10) }, { unpack(KEYS, 11, 20) }
local tasks, more, leased, dead, ctl, seq = KEYS[21], KEYS[22], KEYS[23], KEYS[24], KEYS[25], KEYS[26]
local sinceMs = tonumber(ARGV[2])

local nowMs = readClock(ARGV[1])
local oldestDueMs, nextDueMs = math.huge, math.huge
local levels = redis.call("HGET", ctl, "levels") or ""
for i = 1, #levels do
  local level = string.byte(levels, i) - 48
  local head = tonumber(redis.call("ZRANGE", due[level + 1], 0, 0, "WITHSCORES")[2])
  if head and head <= nowMs then
    oldestDueMs = math.min(oldestDueMs, head)
    local later =
      redis.call("ZRANGEBYSCORE", due[level + 1], "(" .. whole(nowMs), "+inf", "WITHSCORES", "LIMIT", 0, 1)
    head = tonumber(later[2])
  end
  nextDueMs = math.min(nextDueMs, head or math.huge)
  local first = redis.call("LINDEX", ready[level + 1], 0)
  local record = first and redis.call("HGET", tasks, first)
  if record and isKnownFormat(record) then
    local _, _, dueAtMs = factsOf(record, redis.call("HGET", more, first))
    oldestDueMs = math.min(oldestDueMs, dueAtMs)
  end
end
local known = redis.call("HMGET", seq, "owner", "epoch")
local deadline = redis.call("ZRANGE", leased, 0, 0, "WITHSCORES")[2]
local lately, before = whole(nowMs - sinceMs), whole(nowMs - 2 * sinceMs)
return {
  "SURVEYED",
  nowMs,
  known[1] or "",
  known[2] or "0",
  oldestDueMs < math.huge and whole(oldestDueMs) or -1,
  nextDueMs < math.huge and whole(nextDueMs) or -1,
  redis.call("ZCOUNT", leased, "-inf", nowMs),
  deadline or -1,
  redis.call("ZCOUNT", dead, "(" .. lately, "+inf"),
  redis.call("ZCOUNT", dead, "(" .. before, lately),
}
