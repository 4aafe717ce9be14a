-- requeue: dead tasks due at once, with all their attempts again.
--
-- One step, so that a task is never in two places. The last error stays readable. Bounded by the caller: 200 ids. Sent
-- again, it answers as before.
--
-- flags: allow-oom
-- include lib/clock lib/items lib/calls lib/outcomes lib/wake lib/due lib/record lib/place lib/size lib/writes
--
-- KEYS[1..10] due      zset  task id scored by due time (ms), one a level
-- KEYS[11]    tasks    hash  id -> record
-- KEYS[12]    more     hash  id -> changed facts
-- KEYS[13]    leased   zset  id scored by lease deadline (ms)
-- KEYS[14]    dead     zset  id scored by when it died (ms)
-- KEYS[15]    done     zset  id scored by when it is forgotten (ms)
-- KEYS[16]    ctl      hash  the shard's copy of meta
-- KEYS[17]    stats    hash  counters
-- KEYS[18]    calls    zset  call id scored by the time it was made (ms)
-- KEYS[19]    answers  hash  call id -> its answer, where not the plain one
-- KEYS[20]    waiting  zset  idle workers scored by when they began to wait (ms)
--
-- ARGV[1]     nowMs    int   0 means Redis TIME
-- ARGV[2]     callId   text
-- ARGV[3..]   items          each: id
--
-- Replies
--   { "OUTCOMES", outcomes }  words with spaces between, for each id one of requeued, missing, delayed, ready, leased, done
--
-- Cost O(M log N) for M tasks.
local due = { unpack(KEYS, 1, 10) }
local tasks, more, leased, dead, done = KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]
local ctl, stats, calls, answers, waiting = KEYS[16], KEYS[17], KEYS[18], KEYS[19], KEYS[20]
local callId = ARGV[2]
local ITEMS_AT = 3

local nowMs = readClock(ARGV[1])
local ids = idsOfItems(ITEMS_AT, 1)
local called = recallOutcomes(calls, answers, callId, "requeued", #ids)
if called then
  return { "OUTCOMES", called }
end
local keys = { due = due, leased = leased, dead = dead, done = done, tasks = tasks, ctl = ctl }
local places, scores = placesOf(keys, ids)
local recordAt = recordReader(ctl, tasks, ids)
local outcomes, requeued, isRequeued, facts, batch = {}, {}, {}, {}, {}
for i, id in ipairs(ids) do
  local place = places[i]
  local outcome = place or "missing"
  local record = place == "dead" and not isRequeued[id] and recordAt(i)
  if isRequeued[id] then
    outcome = "ready"
  elseif place == "dead" and not record then
    outcome = "missing"
  elseif record then
    isRequeued[id] = true
    requeued[#requeued + 1] = id
    addPair(facts, id, packFacts(0, 0, nowMs))
    addTo(batch, levelIn(ctl, record), nowMs, id)
    outcome = "requeued"
  elseif place == "due" or place == "runway" then
    outcome = stateIn(place, scores[i], nowMs)
  end
  outcomes[i] = outcome
end
if #requeued > 0 then
  redis.call("ZREM", dead, unpack(requeued))
  writePairs("HSET", more, facts)
  redis.call("HINCRBY", stats, "requeued", whole(#requeued))
  callWorkers(due, waiting, putDue(due, nowMs, batch))
end
return { "OUTCOMES", rememberOutcomes(calls, answers, callId, nowMs, "requeued", outcomes) }
