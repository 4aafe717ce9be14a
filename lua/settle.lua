-- settle: what ends a lease. Completed tasks away (or to `done`), failed ones back to the due set or to the dead,
-- released ones back as they were.
--
-- One step, so that only the holder of the lease decides and no task is ever nowhere. An item whose fence is not the
-- lease's changes nothing. Bounded by the caller: 200 items, 1 MiB. Sent again, it answers as before.
--
-- flags: allow-oom
-- include lib/clock lib/calls lib/wake lib/due lib/record lib/lease
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
-- KEYS[19]    stats    hash  counters
-- KEYS[20]    calls    zset  call id scored by the time it was made (ms)
-- KEYS[21]    answers  hash  call id -> its answer, where not the plain one
-- KEYS[22]    waiting  zset  idle workers scored by when they began to wait (ms)
--
-- ARGV[1]     nowMs    int   0 means Redis TIME
-- ARGV[2]     callId   text
-- ARGV[3]     acks     int   how many of the items are plain acks; they come first
-- ARGV[4..]   items          an ack: id, fence
--                            else: outcome, id, fence, ms, text, where outcome is one of
--                            keep     completed: an attempt used; its result (text) is kept for ms
--                            retry    failed: an attempt used, due again in ms; text is the error
--                            bury     failed for good: an attempt used; text is the error
--                            release  no attempt used, due as before
--                            postpone no attempt used, due again in ms
--
-- Replies
--   { "SETTLED", index... }  the indexes (from 0) of the items that were refused: the lease is not theirs
--
-- Cost O(M log N) for M tasks.
local due = { unpack(KEYS, 1, 10) }
local tasks, more, leased, leases = KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local dead, done, errors, results = KEYS[15], KEYS[16], KEYS[17], KEYS[18]
local stats, calls, answers, waiting = KEYS[19], KEYS[20], KEYS[21], KEYS[22]
local callId, acks = ARGV[2], tonumber(ARGV[3])
local ITEMS_AT, ACK_SIZE, ITEM_SIZE = 4, 2, 5

local nowMs = readClock(ARGV[1])
local calledAtMs, called = recall(calls, answers, callId)
if calledAtMs then
  return called or { "SETTLED" }
end

local items, ids = {}, {}
local at = ITEMS_AT
while at <= #ARGV do
  local isAck = #items < acks
  local item = isAck and { outcome = "ack", id = ARGV[at], fence = ARGV[at + 1] }
    or {
      outcome = ARGV[at],
      id = ARGV[at + 1],
      fence = ARGV[at + 2],
      ms = tonumber(ARGV[at + 3]),
      text = ARGV[at + 4],
    }
  if not isAck and not (item.ms and item.ms >= 0 and item.ms < math.huge) then
    return redis.error_reply("ERR expected ms to be a number of at least 0, got " .. tostring(ARGV[at + 3]))
  end
  items[#items + 1] = item
  ids[#ids + 1] = item.id
  at = at + (isAck and ACK_SIZE or ITEM_SIZE)
end

local answer = { "SETTLED" }
local held = redis.call("HMGET", leases, unpack(ids))
local ended, gone, batch, counted = {}, {}, {}, {}
for i, item in ipairs(items) do
  local id = item.id
  if not holdsFence(held[i], item.fence) or ended[id] then
    answer[#answer + 1] = i - 1
  else
    ended[id] = true
    ended[#ended + 1] = id
    local counter = "completed"
    if item.outcome == "ack" then
      gone[#gone + 1] = id
    else
      local record = redis.call("HGET", tasks, id)
      local attempts, deaths, dueAtMs = factsOf(record, redis.call("HGET", more, id))
      if item.outcome ~= "release" and item.outcome ~= "postpone" then
        attempts = attempts + 1
      end
      if item.outcome == "retry" or item.outcome == "bury" then
        counted.failed = (counted.failed or 0) + 1
        redis.call("HSET", errors, id, item.text)
      end
      if item.outcome == "retry" or item.outcome == "postpone" then
        dueAtMs = nowMs + item.ms
      end
      if item.outcome == "keep" then
        redis.call("ZADD", done, nowMs + item.ms, id)
        redis.call("HSET", results, id, item.text)
        redis.call("HDEL", errors, id)
      elseif item.outcome == "bury" then
        counter = "dead"
        redis.call("ZADD", dead, nowMs, id)
      else
        counter = item.outcome == "retry" and "retried" or "released"
        addTo(batch, levelOf(record), dueAtMs, id)
      end
      if item.outcome ~= "release" then
        redis.call("HSET", more, id, packFacts(attempts, deaths, dueAtMs))
      end
    end
    counted[counter] = (counted[counter] or 0) + 1
  end
end

if #ended > 0 then
  redis.call("ZREM", leased, unpack(ended))
  redis.call("HDEL", leases, unpack(ended))
end
if #gone > 0 then
  redis.call("HDEL", tasks, unpack(gone))
  if redis.call("EXISTS", more, errors) > 0 then
    redis.call("HDEL", more, unpack(gone))
    redis.call("HDEL", errors, unpack(gone))
  end
end
for counter, count in pairs(counted) do
  redis.call("HINCRBY", stats, counter, count)
end
wakeWorkers(waiting, putDue(due, nowMs, batch))
remember(calls, answers, callId, nowMs, #answer > 1 and answer)
return answer
