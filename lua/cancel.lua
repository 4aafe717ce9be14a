-- cancel: pending tasks away, for good.
--
-- One step, so that a task that was cancelled never starts. With `abort` a running one is cancelled too: its lease is
-- revoked, its worker hears of it when it next extends or settles. Bounded by the caller: 200 ids. Sent again, it answers
-- as before.
--
-- flags: allow-oom
-- include lib/clock lib/calls lib/record lib/place
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
-- KEYS[28]     stats    hash  counters
-- KEYS[29]     calls    zset  call id scored by the time it was made (ms)
-- KEYS[30]     answers  hash  call id -> its answer, where not the plain one
--
-- ARGV[1]      nowMs    int   0 means Redis TIME
-- ARGV[2]      callId   text
-- ARGV[3..]    items          each: id, abort (1 or 0)
--
-- Replies
--   { "OUTCOMES", outcome... }  for each id one of cancelled, missing, leased, dead, done
--
-- Cost O(log N) for a delayed task, O(runway) for a ready one.
local due, ready = { unpack(KEYS, 1, 10) }, { unpack(KEYS, 11, 20) }
local tasks, more, leased, leases = KEYS[21], KEYS[22], KEYS[23], KEYS[24]
local dead, done, errors, stats = KEYS[25], KEYS[26], KEYS[27], KEYS[28]
local calls, answers = KEYS[29], KEYS[30]
local callId = ARGV[2]
local ITEMS_AT = 3

local nowMs = readClock(ARGV[1])
local calledAtMs, called = recall(calls, answers, callId)
if calledAtMs then
  return called
end
local keys = { due = due, leased = leased, dead = dead, done = done }
local areMore, areErrors = redis.call("EXISTS", more) == 1, redis.call("EXISTS", errors) == 1
local answer, cancelled = { "OUTCOMES" }, 0
for i = ITEMS_AT, #ARGV, 2 do
  local id, abort = ARGV[i], ARGV[i + 1] == "1"
  local record = redis.call("HGET", tasks, id)
  local place = placeOf(keys, id, record)
  local outcome = place or "missing"
  if place == "due" or place == "runway" or (place == "leased" and abort) then
    if place == "leased" then
      redis.call("ZREM", leased, id)
      redis.call("HDEL", leases, id)
    else
      takeOut(due, ready, levelOf(record), id, place)
    end
    redis.call("HDEL", tasks, id)
    if areMore then
      redis.call("HDEL", more, id)
    end
    if areErrors then
      redis.call("HDEL", errors, id)
    end
    cancelled = cancelled + 1
    outcome = "cancelled"
  end
  answer[#answer + 1] = outcome
end
if cancelled > 0 then
  redis.call("HINCRBY", stats, "cancelled", cancelled)
end
remember(calls, answers, callId, nowMs, answer)
return answer
