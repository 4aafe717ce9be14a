-- reschedule: pending tasks to another due time.
--
-- One step, so that a task is never in two places. A ready one leaves the runway and is delayed again. Bounded by the
-- caller: 200 ids. Sent again, it answers as before.
--
-- flags: allow-oom
-- include lib/clock lib/calls lib/wake lib/due lib/record lib/place
--
-- KEYS[1..10]  due      zset  task id scored by due time (ms), one a level
-- KEYS[11..20] ready    list  the runways, one a level
-- KEYS[21]     tasks    hash  id -> record
-- KEYS[22]     more     hash  id -> changed facts
-- KEYS[23]     leased   zset  id scored by lease deadline (ms)
-- KEYS[24]     dead     zset  id scored by when it died (ms)
-- KEYS[25]     done     zset  id scored by when it is forgotten (ms)
-- KEYS[26]     calls    zset  call id scored by the time it was made (ms)
-- KEYS[27]     answers  hash  call id -> its answer, where not the plain one
-- KEYS[28]     waiting  zset  idle workers scored by when they began to wait (ms)
--
-- ARGV[1]      nowMs    int   0 means Redis TIME
-- ARGV[2]      callId   text
-- ARGV[3..]    items          each: id, due ("+" and a delay in ms, or epoch ms)
--
-- Replies
--   { "OUTCOMES", outcome... }  for each id one of rescheduled, missing, leased, dead, done
--
-- Cost O(log N) for a delayed task, O(runway) for a ready one.
local due, ready = { unpack(KEYS, 1, 10) }, { unpack(KEYS, 11, 20) }
local tasks, more, leased, dead, done = KEYS[21], KEYS[22], KEYS[23], KEYS[24], KEYS[25]
local calls, answers, waiting = KEYS[26], KEYS[27], KEYS[28]
local callId = ARGV[2]
local ITEMS_AT = 3

local nowMs = readClock(ARGV[1])
local calledAtMs, called = recall(calls, answers, callId)
if calledAtMs then
  return called
end
local keys = { due = due, leased = leased, dead = dead, done = done }
local answer, dueNow = { "OUTCOMES" }, 0
for i = ITEMS_AT, #ARGV, 2 do
  local id, dueAtMs = ARGV[i], tonumber(ARGV[i + 1])
  if string.byte(ARGV[i + 1]) == 43 then
    dueAtMs = nowMs + dueAtMs
  end
  -- Among the facts a due time of 0 would mean: as in the record.
  dueAtMs = math.max(1, dueAtMs)
  local record = redis.call("HGET", tasks, id)
  local place = placeOf(keys, id, record)
  local outcome = place or "missing"
  if place == "due" or place == "runway" then
    if place == "runway" then
      takeOut(due, ready, levelOf(record), id, place)
    end
    local attempts, deaths = factsOf(record, redis.call("HGET", more, id))
    redis.call("HSET", more, id, packFacts(attempts, deaths, dueAtMs))
    dueNow = dueNow + putDue(due, nowMs, { [levelOf(record)] = { dueAtMs, id } })
    outcome = "rescheduled"
  end
  answer[#answer + 1] = outcome
end
wakeWorkers(waiting, dueNow)
remember(calls, answers, callId, nowMs, answer)
return answer
