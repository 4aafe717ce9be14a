-- update: another payload for tasks that do not run now.
--
-- One step, so that no claim sees half of it. Bounded by the caller: 200 ids, 512 KiB. Sent again, it answers as before.
--
-- flags:
-- include lib/clock lib/items lib/calls lib/outcomes lib/record lib/place lib/size
--
-- KEYS[1..10] due      zset  task id scored by due time (ms), one a level
-- KEYS[11]    tasks    hash  id -> record
-- KEYS[12]    leased   zset  id scored by lease deadline (ms)
-- KEYS[13]    dead     zset  id scored by when it died (ms)
-- KEYS[14]    done     zset  id scored by when it is forgotten (ms)
-- KEYS[15]    ctl      hash  the shard's copy of meta
-- KEYS[16]    calls    zset  call id scored by the time it was made (ms)
-- KEYS[17]    answers  hash  call id -> its answer, where not the plain one
--
-- ARGV[1]     nowMs    int   0 means Redis TIME
-- ARGV[2]     callId   text
-- ARGV[3..]   items          each: id, payload (JSON)
--
-- Replies
--   { "OUTCOMES", outcomes }  words with spaces between, for each id one of updated, leased, done, or missing, also
--                             of one whose record cannot be read
--
-- Cost O(M) for M bytes of payload.
local due = { unpack(KEYS, 1, 10) }
local tasks, leased, dead, done, ctl = KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]
local calls, answers = KEYS[16], KEYS[17]
local callId = ARGV[2]
local ITEMS_AT = 3

local nowMs = readClock(ARGV[1])
local ids = idsOfItems(ITEMS_AT, 2)
local called = recallOutcomes(calls, answers, callId, "updated", #ids)
if called then
  return { "OUTCOMES", called }
end
local keys = { due = due, leased = leased, dead = dead, done = done, tasks = tasks, ctl = ctl }
local places = placesOf(keys, ids)
local outcomes = {}
for i, id in ipairs(ids) do
  local place, payload = places[i], ARGV[ITEMS_AT + i * 2 - 1]
  local outcome = place or "missing"
  local isIdle = place == "due" or place == "runway" or place == "dead"
  local record = isIdle and redis.call("HGET", tasks, id)
  if isIdle and not (record and isReadable(record)) then
    outcome = "missing"
  elseif isIdle then
    record = string.sub(record, 1, payloadAt(record) - 1) .. payload
    redis.call("HSET", tasks, id, record)
    if #record > BIG_BYTES then
      redis.call("HSET", ctl, "big", "1")
    end
    outcome = "updated"
  end
  outcomes[i] = outcome
end
return { "OUTCOMES", rememberOutcomes(calls, answers, callId, nowMs, "updated", outcomes) }
