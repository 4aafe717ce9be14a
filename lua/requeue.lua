-- requeue: dead tasks due at once, with all their attempts again.
--
-- One step, so that a task is never in two places. The last error stays readable. Bounded by the caller: 200 ids. Sent
-- again, it answers as before.
--
-- flags: allow-oom
-- include lib/clock lib/calls lib/wake lib/due lib/record lib/place
--
-- KEYS[1..10] due      zset  task id scored by due time (ms), one a level
-- KEYS[11]    tasks    hash  id -> record
-- KEYS[12]    more     hash  id -> changed facts
-- KEYS[13]    leased   zset  id scored by lease deadline (ms)
-- KEYS[14]    dead     zset  id scored by when it died (ms)
-- KEYS[15]    done     zset  id scored by when it is forgotten (ms)
-- KEYS[16]    stats    hash  counters
-- KEYS[17]    calls    zset  call id scored by the time it was made (ms)
-- KEYS[18]    answers  hash  call id -> its answer, where not the plain one
-- KEYS[19]    waiting  zset  idle workers scored by when they began to wait (ms)
--
-- ARGV[1]     nowMs    int   0 means Redis TIME
-- ARGV[2]     callId   text
-- ARGV[3..]   items          each: id
--
-- Replies
--   { "OUTCOMES", outcome... }  for each id one of requeued, missing, delayed, ready, leased, done
--
-- Cost O(M log N) for M tasks.
local due = { unpack(KEYS, 1, 10) }
local tasks, more, leased, dead, done = KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]
local stats, calls, answers, waiting = KEYS[16], KEYS[17], KEYS[18], KEYS[19]
local callId = ARGV[2]
local ITEMS_AT = 3

local nowMs = readClock(ARGV[1])
local calledAtMs, called = recall(calls, answers, callId)
if calledAtMs then
  return called
end
local keys = { due = due, leased = leased, dead = dead, done = done }
local answer, batch, requeued = { "OUTCOMES" }, {}, 0
for i = ITEMS_AT, #ARGV do
  local id = ARGV[i]
  local record = redis.call("HGET", tasks, id)
  local place, score = placeOf(keys, id, record)
  local outcome = place or "missing"
  if place == "dead" then
    redis.call("ZREM", dead, id)
    redis.call("HSET", more, id, packFacts(0, 0, nowMs))
    addTo(batch, levelOf(record), nowMs, id)
    requeued = requeued + 1
    outcome = "requeued"
  elseif place == "runway" or place == "due" then
    outcome = place == "due" and score > nowMs and "delayed" or "ready"
  end
  answer[#answer + 1] = outcome
end
if requeued > 0 then
  redis.call("HINCRBY", stats, "requeued", requeued)
  wakeWorkers(waiting, putDue(due, nowMs, batch))
end
remember(calls, answers, callId, nowMs, answer)
return answer
