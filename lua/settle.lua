-- settle: what ends a lease. Completed tasks away (or to `done`), failed ones back to the due set or to the dead,
-- released ones back as they were, expired ones away.
--
-- One step, so that only the holder of the lease decides and no task is ever nowhere. An item whose fence is not the
-- lease's changes nothing. Bounded by the caller: 200 items, 512 KiB. Sent again, it answers as before.
--
-- flags: allow-oom
-- include lib/clock lib/items lib/calls lib/wake lib/due lib/record lib/lease lib/size lib/writes
--
-- KEYS[1..10] due      zset  task id scored by due time (ms), one a level
-- KEYS[11]    tasks    hash  id -> record
-- KEYS[12]    more     hash  id -> changed facts
-- KEYS[13]    leased   zset  id scored by lease deadline (ms)
-- KEYS[14]    leases   hash  id -> fence, start, worker
-- KEYS[15]    dead     zset  id scored by when it died (ms)
-- KEYS[16]    done     zset  id scored by when it is forgotten (ms)
-- KEYS[17]    errors   hash  id -> last error
-- KEYS[18]    results  hash  id -> result
-- KEYS[19]    ctl      hash  the shard's copy of meta
-- KEYS[20]    stats    hash  counters
-- KEYS[21]    calls    zset  call id scored by the time it was made (ms)
-- KEYS[22]    answers  hash  call id -> its answer, where not the plain one
-- KEYS[23]    waiting  zset  idle workers scored by when they began to wait (ms)
--
-- ARGV[1]     nowMs    int   0 means Redis TIME
-- ARGV[2]     callId   text
-- ARGV[3]     acks     int   how many tasks are plainly acked; they come first
-- ARGV[4..]   items          acks under one fence: fence, how many, id...
--                            else: outcome, id, fence, ms, text, where outcome is one of
--                            keep     completed: an attempt used; its result (text) is kept for ms
--                            retry    failed: an attempt used, due again in ms; text is the error
--                            bury     failed for good: an attempt used; text is the error
--                            release  no attempt used, due as before
--                            postpone no attempt used, due again in ms
--                            expire   not started, since it came too late: gone
--                            "retry timedOut" and "bury timedOut": the same of an attempt whose time was up
--
-- Replies
--   { "SETTLED", index... }  the indexes (from 0) of the items that were refused: the lease is not theirs
--
-- Cost O(M log N) for M tasks.
local due = { unpack(KEYS, 1, 10) }
local tasks, more, leased, leases = KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local dead, done, errors, results = KEYS[15], KEYS[16], KEYS[17], KEYS[18]
local ctl, stats, calls, answers, waiting = KEYS[19], KEYS[20], KEYS[21], KEYS[22], KEYS[23]
local callId, acks = ARGV[2], tonumber(ARGV[3])
local ITEMS_AT, ITEM_SIZE = 4, 5

local nowMs = readClock(ARGV[1])
local calledAtMs, called = recall(calls, answers, callId)
if calledAtMs then
  return called or { "SETTLED" }
end

local ids, fences, count = {}, {}, 0
local at = ITEMS_AT
while count < acks do
  local fence, size = ARGV[at], tonumber(ARGV[at + 1])
  for i = at + 2, at + 1 + math.min(size, acks - count) do
    count = count + 1
    ids[count], fences[count] = ARGV[i], fence
  end
  at = at + 2 + size
end
local othersAt = at
for i = othersAt, #ARGV, ITEM_SIZE do
  local ms = tonumber(ARGV[i + 3])
  if not (ms and ms >= 0 and ms < math.huge) then
    return redis.error_reply("ERR expected ms to be a number of at least 0, got " .. tostring(ARGV[i + 3]))
  end
end

local answer, counted, batch = { "SETTLED" }, {}, {}
local function countOne(counter)
  counted[counter] = (counted[counter] or 0) + 1
end

if acks > 0 then
  local held = redis.call("HMGET", leases, unpack(ids))
  local gone, goneCount = {}, 0
  local lastLease, lastFence
  for i = 1, acks do
    local lease, fence = held[i], fences[i]
    -- Leases of one claim are the same text.
    if lease and (lease == lastLease and fence == lastFence or holdsFence(lease, fence)) then
      lastLease, lastFence = lease, fence
      goneCount = goneCount + 1
      gone[goneCount] = ids[i]
    else
      answer[#answer + 1] = i - 1
    end
  end
  if goneCount > 0 then
    redis.call("ZREM", leased, unpack(gone))
    redis.call("HDEL", leases, unpack(gone))
    counted.completed = redis.call("HDEL", tasks, unpack(gone))
    if redis.call("EXISTS", more, errors) > 0 then
      redis.call("HDEL", more, unpack(gone))
      redis.call("HDEL", errors, unpack(gone))
    end
  end
end

local others = idsOfItems(othersAt + 1, ITEM_SIZE)
local held = #others > 0 and redis.call("HMGET", leases, unpack(others))
local changed = #others > 0 and redis.call("HMGET", more, unpack(others))
local recordAt = recordReader(ctl, tasks, others)

local ended, kept, expired = {}, {}, {}
-- What goes to `more`, `errors`, `dead`, `done` and `results`.
local facts, failures, burials, ends, outputs = {}, {}, {}, {}, {}

local function settleOther(i, outcome, why, ms, text)
  local id, record = others[i], recordAt(i) or ""
  local attempts, deaths, dueAtMs = factsOf(record, changed[i], nowMs)
  if outcome ~= "release" and outcome ~= "postpone" then
    attempts = attempts + 1
  end
  if outcome == "retry" or outcome == "bury" then
    countOne("failed")
    addPair(failures, id, text)
  end
  if why == "timedOut" then
    countOne("timedOut")
  end
  if outcome == "retry" or outcome == "postpone" then
    dueAtMs = nowMs + ms
  end
  if outcome == "keep" then
    countOne("completed")
    addPair(ends, whole(nowMs + ms), id)
    addPair(outputs, id, text)
    kept[#kept + 1] = id
  elseif outcome == "bury" then
    countOne("dead")
    addPair(burials, whole(nowMs), id)
  else
    countOne(outcome == "retry" and "retried" or "released")
    addTo(batch, levelIn(ctl, record), dueAtMs, id)
  end
  if outcome ~= "release" then
    addPair(facts, id, packFacts(attempts, deaths, dueAtMs))
  end
end

local isEnded = {}
for i = 1, #others do
  local id, itemAt = others[i], othersAt + (i - 1) * ITEM_SIZE
  if isEnded[id] or not holdsFence(held[i], ARGV[itemAt + 2]) then
    answer[#answer + 1] = acks + i - 1
  else
    isEnded[id] = true
    ended[#ended + 1] = id
    local outcome, why = string.match(ARGV[itemAt], "^(%a+) ?(%a*)$")
    if outcome == "expire" then
      expired[#expired + 1] = id
    else
      settleOther(i, outcome, why, tonumber(ARGV[itemAt + 3]), ARGV[itemAt + 4])
    end
  end
end

if #ended > 0 then
  writePairs("HSET", more, facts)
  writePairs("HSET", errors, failures)
  writePairs("ZADD", dead, burials)
  writePairs("ZADD", done, ends)
  writePairs("HSET", results, outputs)
  redis.call("ZREM", leased, unpack(ended))
  redis.call("HDEL", leases, unpack(ended))
end
if #kept > 0 then
  redis.call("HDEL", errors, unpack(kept))
end
if #expired > 0 then
  for _, key in ipairs({ tasks, more, errors }) do
    redis.call("HDEL", key, unpack(expired))
  end
  counted.expired = #expired
end

for counter, times in pairs(counted) do
  redis.call("HINCRBY", stats, counter, whole(times))
end
callWorkers(due, waiting, putDue(due, nowMs, batch))
remember(calls, answers, callId, nowMs, #answer > 1 and answer)
return answer
