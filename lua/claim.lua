-- claim: due tasks from the runway into leases of one worker.
--
-- One step, so that a task is never on no list and in no lease. Where the runway is dry it takes what is due from the due
-- set, so work goes on with no scheduler alive. A claim that leaves slots free notes the worker as waiting; one that leaves tasks
-- behind wakes another worker. The scheduler is told of a lease that ends before all others, as of a new head, and with its
-- fence if nothing that is due was left; while claims leave tasks behind, only of what ends before it was told to look. Bounded:
-- `count` tasks, 384 KiB of records (or one task, if that is larger).
--
-- Sent again, it answers with the batch that it took: a worker numbers its claims of a shard and has one in flight. A claim
-- with an older number came late: it takes nothing.
--
-- flags: allow-oom
-- include lib/clock lib/calls lib/wake lib/runway lib/lease lib/size
--
-- KEYS[1..10]  due      zset  task id scored by due time (ms), one a level
-- KEYS[11..20] ready    list  the runways, one a level
-- KEYS[21]     tasks    hash  id -> record
-- KEYS[22]     more     hash  id -> changed facts
-- KEYS[23]     leased   zset  id scored by lease deadline (ms)
-- KEYS[24]     leases   hash  id -> fence, start, worker
-- KEYS[25]     ctl      hash  the shard's copy of meta
-- KEYS[26]     seq      hash  fence, epoch, owner, looksAt (ms)
-- KEYS[27]     calls    zset  call id scored by the time it was made (ms); here the worker's id
-- KEYS[28]     answers  hash  call id -> its answer; here the number of the claim and its fence
-- KEYS[29]     waiting  zset  idle workers scored by when they began to wait (ms)
--
-- ARGV[1]      nowMs    int   0 means Redis TIME
-- ARGV[2]      worker   text
-- ARGV[3]      number   int   grows with each claim of this worker on this shard
-- ARGV[4]      leaseMs  int
-- ARGV[5]      count    int   free slots, 0..1000; with 0 the claim only passes a wake-up on
--
-- Replies
--   { "CLAIMED", nowMs, fence, isMore, ids, records, changed }  isMore is 1 when due tasks were left behind; the ids are
--                   one text, a line each; changed facts are in the order of the ids, or there are none at all
--   { "EMPTY" }     nothing is due; the worker is noted as waiting
--   { "PAUSED" }    the queue is paused; the worker is noted as waiting
--   { "STALE" }     a newer claim of this worker was here before
--   { "NO_QUEUE" }  the shard is not there (any more)
--
-- Cost O(M log N) for M tasks claimed.
local due, ready = { unpack(KEYS, 1, 10) }, { unpack(KEYS, 11, 20) }
local tasks, more, leased, leases = KEYS[21], KEYS[22], KEYS[23], KEYS[24]
local ctl, seq, calls, answers, waiting = KEYS[25], KEYS[26], KEYS[27], KEYS[28], KEYS[29]
local worker, number, leaseMs, count = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local nowMs, nowUs = readClock(ARGV[1])
local known = redis.call("HMGET", ctl, "levels", "paused", "big", "generation")
local levels, paused, big = known[1] or "", known[2] == "1", known[3]
if not known[4] then
  return { "NO_QUEUE" }
end

local function claimed(atMs, fence, isMore, ids)
  local records = #ids > 0 and redis.call("HMGET", tasks, unpack(ids)) or {}
  local changed = #ids > 0 and redis.call("EXISTS", more) == 1 and redis.call("HMGET", more, unpack(ids))
    or {}
  return { "CLAIMED", atMs, fence, isMore, table.concat(ids, "\n"), records, changed }
end

local called = answerOf(answers, worker)
if called and number < called[1] then
  return { "STALE" }
end
local calledAtMs = called and number == called[1] and tonumber(redis.call("ZSCORE", calls, worker) or nil)
if calledAtMs then
  -- Its worker does not know the batch yet, so nobody has extended these leases.
  local endMs = whole(calledAtMs + leaseMs)
  local held = {}
  for _, id in ipairs(redis.call("ZRANGEBYSCORE", leased, endMs, endMs)) do
    if holdsFence(redis.call("HGET", leases, id), called[2]) then
      held[#held + 1] = id
    end
  end
  return claimed(calledAtMs, called[2], 1, held)
end

-- From the runway, and when that is dry from the due set. Fewer than wanted: there are no more.
local function take(level, wanted)
  local taken = redis.call("LPOP", ready[level + 1], whole(wanted)) or {}
  if #taken == wanted then
    return taken
  end
  local limit = whole(wanted - #taken)
  local found = redis.call("ZRANGEBYSCORE", due[level + 1], "-inf", whole(nowMs), "LIMIT", "0", limit)
  if #found > 0 then
    redis.call("ZREMRANGEBYRANK", due[level + 1], "0", whole(#found - 1))
  end
  if #taken == 0 then
    return found
  end
  local behind = #taken
  for i = 1, #found do
    taken[behind + i] = found[i]
  end
  return taken
end

local ids, bytes, isFull = {}, 0, false
for i = 1, paused and 0 or #levels do
  local level = string.byte(levels, i) - 48
  while #ids < count and not isFull do
    local wanted = big and 1 or count - #ids
    local taken = take(level, wanted)
    if #ids == 0 and not big then
      ids = taken
    else
      for _, id in ipairs(taken) do
        local size = big and redis.call("HSTRLEN", tasks, id) or 0
        if #ids > 0 and bytes + size > CALL_BYTES_MAX then
          redis.call("LPUSH", ready[level + 1], id)
          isFull = true
        else
          bytes = bytes + size
          ids[#ids + 1] = id
        end
      end
    end
    if #taken < wanted then
      break
    end
  end
end

local isLeft = not paused and (isFull or #ids == count) and hasDue(due, ready, levels, nowMs)
if #ids < count and not isFull then
  redis.call("ZADD", waiting, whole(nowMs), worker)
elseif isLeft then
  wakeWorkers(waiting, 1)
end
if #ids == 0 then
  noteAnswer(calls, answers, worker, nowMs, { number, "0" })
  return { paused and "PAUSED" or "EMPTY" }
end

local last = redis.call("HMGET", seq, "fence", "looksAt")
local fence = whole(nextNumber(last[1], nowUs))
local lease, endMs = packLease(fence, nowMs, worker), whole(nowMs + leaseMs)
local ends, holds, at = {}, {}, 0
-- Ids mostly come in the order of their bytes. The other way round each goes to the front of the short leased set, which
-- Redis keeps as a list: 1.5 us a task become 0.4.
for i = #ids, 1, -1 do
  ends[at + 1], ends[at + 2] = endMs, ids[i]
  holds[at + 1], holds[at + 2] = ids[i], lease
  at = at + 2
end
local firstEndMs = redis.call("ZRANGE", leased, "0", "0", "WITHSCORES")[2]
local looksAtMs = isLeft and tonumber(last[2] or nil) or 0
if
  (not firstEndMs or nowMs + leaseMs < tonumber(firstEndMs))
  and not (nowMs < looksAtMs and looksAtMs <= nowMs + leaseMs)
then
  publish(due[1], whole(leaseMs) .. " " .. (isLeft and "0" or fence))
  redis.call("HSET", seq, "fence", fence, "looksAt", endMs)
else
  redis.call("HSET", seq, "fence", fence)
end
redis.call("ZADD", leased, unpack(ends))
redis.call("HSET", leases, unpack(holds))
noteAnswer(calls, answers, worker, nowMs, { number, fence })
return claimed(nowMs, fence, isLeft and 1 or 0, ids)
