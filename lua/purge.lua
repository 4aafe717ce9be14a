-- purge: dead and done tasks away, for good.
--
-- One step, so that a purged task leaves nothing behind. A done one was counted as completed and is not counted again.
-- Bounded by the caller: 200 ids. Sent again, it answers as before.
--
-- flags: allow-oom
-- include lib/clock lib/items lib/calls lib/outcomes lib/record lib/place
--
-- KEYS[1..10] due      zset  task id scored by due time (ms), one a level
-- KEYS[11]    tasks    hash  id -> record
-- KEYS[12]    more     hash  id -> changed facts
-- KEYS[13]    leased   zset  id scored by lease deadline (ms)
-- KEYS[14]    dead     zset  id scored by when it died (ms)
-- KEYS[15]    done     zset  id scored by when it is forgotten (ms)
-- KEYS[16]    errors   hash  id -> last error
-- KEYS[17]    results  hash  id -> result
-- KEYS[18]    ctl      hash  the shard's copy of meta
-- KEYS[19]    stats    hash  counters
-- KEYS[20]    calls    zset  call id scored by the time it was made (ms)
-- KEYS[21]    answers  hash  call id -> its answer, where not the plain one
--
-- ARGV[1]     nowMs    int   0 means Redis TIME
-- ARGV[2]     callId   text
-- ARGV[3..]   items          each: id
--
-- Replies
--   { "OUTCOMES", outcomes }  words with spaces between, for each id one of purged, missing, delayed, ready, leased
--
-- Cost O(M log N) for M tasks.
local due = { unpack(KEYS, 1, 10) }
local tasks, more, leased, dead, done = KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]
local errors, results, ctl = KEYS[16], KEYS[17], KEYS[18]
local stats, calls, answers = KEYS[19], KEYS[20], KEYS[21]
local callId = ARGV[2]
local ITEMS_AT = 3

local nowMs = readClock(ARGV[1])
local ids = idsOfItems(ITEMS_AT, 1)
local called = recallOutcomes(calls, answers, callId, "purged", #ids)
if called then
  return { "OUTCOMES", called }
end
local keys = { due = due, leased = leased, dead = dead, done = done, tasks = tasks, ctl = ctl }
local places, scores = placesOf(keys, ids)
local outcomes, gone, isGone, died = {}, {}, {}, 0
for i, id in ipairs(ids) do
  local place = places[i]
  local outcome = place or "missing"
  if isGone[id] then
    outcome = "missing"
  elseif place == "dead" or place == "done" then
    isGone[id] = true
    gone[#gone + 1] = id
    died = died + (place == "dead" and 1 or 0)
    outcome = "purged"
  elseif place == "due" or place == "runway" then
    outcome = stateIn(place, scores[i], nowMs)
  end
  outcomes[i] = outcome
end
if #gone > 0 then
  redis.call("ZREM", dead, unpack(gone))
  redis.call("ZREM", done, unpack(gone))
  for _, key in ipairs({ tasks, more, errors, results }) do
    redis.call("HDEL", key, unpack(gone))
  end
end
if died > 0 then
  redis.call("HINCRBY", stats, "purged", whole(died))
end
return { "OUTCOMES", rememberOutcomes(calls, answers, callId, nowMs, "purged", outcomes) }
