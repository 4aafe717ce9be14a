-- reschedule: pending tasks to another due time.
--
-- One step, so that a task is never in two places. A ready one leaves the runway and is delayed again. Bounded by the
-- caller: 200 ids. Sent again, it answers as before.
--
-- flags: allow-oom
-- include lib/clock lib/items lib/calls lib/outcomes lib/wake lib/due lib/runway lib/record lib/place lib/writes
--
-- KEYS[1..10]  due      zset  task id scored by due time (ms), one a level
-- KEYS[11..20] ready    list  the runways, one a level
-- KEYS[21]     tasks    hash  id -> record
-- KEYS[22]     more     hash  id -> changed facts
-- KEYS[23]     leased   zset  id scored by lease deadline (ms)
-- KEYS[24]     dead     zset  id scored by when it died (ms)
-- KEYS[25]     done     zset  id scored by when it is forgotten (ms)
-- KEYS[26]     ctl      hash  the shard's copy of meta
-- KEYS[27]     calls    zset  call id scored by the time it was made (ms)
-- KEYS[28]     answers  hash  call id -> its answer, where not the plain one
-- KEYS[29]     waiting  zset  idle workers scored by when they began to wait (ms)
--
-- ARGV[1]      nowMs    int   0 means Redis TIME
-- ARGV[2]      callId   text
-- ARGV[3..]    items          each: id, due ("+" and a delay in ms, or epoch ms)
--
-- Replies
--   { "OUTCOMES", outcomes }  words with spaces between, for each id one of rescheduled, missing, leased, dead, done
--
-- Cost O(log N) for a delayed task, O(runway) for a ready one.
local due, ready = { unpack(KEYS, 1, 10) }, { unpack(KEYS, 11, 20) }
local tasks, more, leased, dead, done = KEYS[21], KEYS[22], KEYS[23], KEYS[24], KEYS[25]
local ctl, calls, answers, waiting = KEYS[26], KEYS[27], KEYS[28], KEYS[29]
local callId = ARGV[2]
local ITEMS_AT = 3

local nowMs = readClock(ARGV[1])
local ids = idsOfItems(ITEMS_AT, 2)
local called = recallOutcomes(calls, answers, callId, "rescheduled", #ids)
if called then
  return { "OUTCOMES", called }
end
local keys = { due = due, leased = leased, dead = dead, done = done, tasks = tasks, ctl = ctl }
local places, _, levels = placesOf(keys, ids)
local changed = redis.call("HMGET", more, unpack(ids))
local outcomes, facts, batch = {}, {}, {}
for i = 1, #ids do
  local id, place, text = ids[i], places[i], ARGV[ITEMS_AT + i * 2 - 1]
  local outcome = place or "missing"
  if place == "due" or place == "runway" then
    -- Among the facts a due time of 0 would mean: as in the record.
    local dueAtMs = math.max(1, string.byte(text) == 43 and nowMs + tonumber(text) or tonumber(text))
    local attempts, deaths = usesOf(changed[i])
    if place == "runway" then
      takeOff(ready, levels[i], id)
    end
    addPair(facts, id, packFacts(attempts, deaths, dueAtMs))
    addTo(batch, levels[i], dueAtMs, id)
    outcome = "rescheduled"
  end
  outcomes[i] = outcome
end
if #facts > 0 then
  writePairs("HSET", more, facts)
  callWorkers(due, waiting, putDue(due, nowMs, batch))
end
return { "OUTCOMES", rememberOutcomes(calls, answers, callId, nowMs, "rescheduled", outcomes) }
