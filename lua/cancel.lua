-- cancel: pending tasks away, for good.
--
-- One step, so that a task that was cancelled never starts. With `abort` a running one is cancelled too: its lease is
-- revoked, its worker hears of it when it next extends or settles. Bounded by the caller: 200 ids. Sent again, it answers
-- as before.
--
-- flags: allow-oom
-- include lib/clock lib/items lib/calls lib/outcomes lib/runway lib/record lib/place
--
-- KEYS[1..10]  due      zset  task id scored by due time (ms), one a level
-- KEYS[11..20] ready    list  the runways, one a level
-- KEYS[21]     tasks    hash  id -> record
-- KEYS[22]     more     hash  id -> changed facts
-- KEYS[23]     leased   zset  id scored by lease deadline (ms)
-- KEYS[24]     leases   hash  id -> fence, start, worker
-- KEYS[25]     dead     zset  id scored by when it died (ms)
-- KEYS[26]     done     zset  id scored by when it is forgotten (ms)
-- KEYS[27]     errors   hash  id -> last error
-- KEYS[28]     ctl      hash  the shard's copy of meta
-- KEYS[29]     stats    hash  counters
-- KEYS[30]     calls    zset  call id scored by the time it was made (ms)
-- KEYS[31]     answers  hash  call id -> its answer, where not the plain one
--
-- ARGV[1]      nowMs    int   0 means Redis TIME
-- ARGV[2]      callId   text
-- ARGV[3..]    items          each: id, abort (1 or 0)
--
-- Replies
--   { "OUTCOMES", outcomes }  words with spaces between, for each id one of cancelled, missing, leased, dead, done
--
-- Cost O(log N) for a delayed task, O(runway) for a ready one.
local due, ready = { unpack(KEYS, 1, 10) }, { unpack(KEYS, 11, 20) }
local tasks, more, leased, leases = KEYS[21], KEYS[22], KEYS[23], KEYS[24]
local dead, done, errors, ctl = KEYS[25], KEYS[26], KEYS[27], KEYS[28]
local stats, calls, answers = KEYS[29], KEYS[30], KEYS[31]
local callId = ARGV[2]
local ITEMS_AT = 3

local nowMs = readClock(ARGV[1])
local ids = idsOfItems(ITEMS_AT, 2)
local called = recallOutcomes(calls, answers, callId, "cancelled", #ids)
if called then
  return { "OUTCOMES", called }
end
local keys = { due = due, leased = leased, dead = dead, done = done, tasks = tasks, ctl = ctl }
local places, _, levels = placesOf(keys, ids)
local outcomes, gone, isGone, pending = {}, {}, {}, {}
for i = 1, #ids do
  local id = ids[i]
  local place, abort = places[i], ARGV[ITEMS_AT + i * 2 - 1] == "1"
  local outcome = place or "missing"
  if isGone[id] then
    outcome = "missing"
  elseif place == "due" or place == "runway" or (place == "leased" and abort) then
    if place == "due" then
      local level = levels[i]
      local some = pending[level] or {}
      pending[level] = some
      some[#some + 1] = id
    elseif place == "runway" then
      takeOff(ready, levels[i], id)
    else
      redis.call("ZREM", leased, id)
      redis.call("HDEL", leases, id)
    end
    isGone[id] = true
    gone[#gone + 1] = id
    outcome = "cancelled"
  end
  outcomes[i] = outcome
end
if #gone > 0 then
  for level, some in pairs(pending) do
    redis.call("ZREM", due[level + 1], unpack(some))
  end
  for _, key in ipairs({ tasks, more, errors }) do
    redis.call("HDEL", key, unpack(gone))
  end
  redis.call("HINCRBY", stats, "cancelled", whole(#gone))
end
return { "OUTCOMES", rememberOutcomes(calls, answers, callId, nowMs, "cancelled", outcomes) }
