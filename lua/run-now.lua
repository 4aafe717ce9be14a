-- run-now: pending tasks due at once.
--
-- One step, so that a task is never in two places. One that is due already keeps its turn, and its due time too if it cannot
-- expire. One that can is due anew, else the next claim might remove it: on the runway it stays where it is, among what
-- is due it goes behind the others. Bounded by the caller: 200 ids. Sent again, it answers as before.
--
-- flags: allow-oom
-- include lib/clock lib/items lib/calls lib/outcomes lib/wake lib/due lib/record lib/place lib/writes
--
-- KEYS[1..10] due      zset  task id scored by due time (ms), one a level
-- KEYS[11]    tasks    hash  id -> record
-- KEYS[12]    more     hash  id -> changed facts
-- KEYS[13]    leased   zset  id scored by lease deadline (ms)
-- KEYS[14]    dead     zset  id scored by when it died (ms)
-- KEYS[15]    done     zset  id scored by when it is forgotten (ms)
-- KEYS[16]    ctl      hash  the shard's copy of meta
-- KEYS[17]    calls    zset  call id scored by the time it was made (ms)
-- KEYS[18]    answers  hash  call id -> its answer, where not the plain one
-- KEYS[19]    waiting  zset  idle workers scored by when they began to wait (ms)
--
-- ARGV[1]     nowMs    int   0 means Redis TIME
-- ARGV[2]     callId   text
-- ARGV[3..]   items          each: id
--
-- Replies
--   { "OUTCOMES", outcomes }  words with spaces between, for each id one of due, missing, leased, dead, done
--
-- Cost O(M log N) for M tasks.
local due = { unpack(KEYS, 1, 10) }
local tasks, more, leased, dead, done = KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]
local ctl, calls, answers, waiting = KEYS[16], KEYS[17], KEYS[18], KEYS[19]
local callId = ARGV[2]
local ITEMS_AT = 3

local nowMs = readClock(ARGV[1])
local ids = idsOfItems(ITEMS_AT, 1)
local called = recallOutcomes(calls, answers, callId, "due", #ids)
if called then
  return { "OUTCOMES", called }
end
local keys = { due = due, leased = leased, dead = dead, done = done, tasks = tasks, ctl = ctl }
local places, scores, levels = placesOf(keys, ids)
local changed = redis.call("HMGET", more, unpack(ids))
local outcomes, facts, batch, onRunway = {}, {}, {}, 0

local function isDueAnew(id)
  local record = redis.call("HGET", tasks, id)
  return record and isReadable(record) and canExpire(record, ctl)
end

for i, id in ipairs(ids) do
  local place = places[i]
  local isPending = place == "due" or place == "runway"
  local isDelayed = place == "due" and scores[i] > nowMs
  if isDelayed or isPending and isDueAnew(id) then
    local attempts, deaths = usesOf(changed[i])
    addPair(facts, id, packFacts(attempts, deaths, nowMs))
    if place == "due" then
      addTo(batch, levels[i], nowMs, id)
    else
      onRunway = onRunway + 1
    end
  end
  outcomes[i] = isPending and "due" or place or "missing"
end
if #facts > 0 then
  writePairs("HSET", more, facts)
  callWorkers(due, waiting, putDue(due, nowMs, batch) + onRunway)
end
return { "OUTCOMES", rememberOutcomes(calls, answers, callId, nowMs, "due", outcomes) }
