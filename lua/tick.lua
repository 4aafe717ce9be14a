-- tick: the scheduler's one call. Expired leases back to the due set (or to the dead), due ids onto the runway, idle
-- workers woken, what has outlived its time forgotten; and when to come back.
--
-- A busy shard is ticked several hundred times a second, and each command costs: calls that are over, and what is amiss only
-- after Redis' clock was set back, are seen to when the caller says so.
--
-- One step, so that a shard that changed hands is served by the new owner alone: an old epoch changes nothing. Safety does
-- not rest on that: two schedulers on one shard still move each task once. Bounded: 200 leases, 500 ids a level, 200 of
-- the rest; whoever finds more comes back at once.
--
-- flags: allow-oom
-- include lib/clock lib/wake lib/due lib/runway lib/record lib/calls lib/writes
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
-- KEYS[28]     results  hash  id -> result
-- KEYS[29]     ctl      hash  the shard's copy of meta
-- KEYS[30]     seq      hash  fence, epoch, owner, looksAt (ms)
-- KEYS[31]     stats    hash  counters
-- KEYS[32]     calls    zset  call id scored by the time it was made (ms)
-- KEYS[33]     answers  hash  call id -> its answer, where not the plain one
-- KEYS[34]     waiting  zset  idle workers scored by when they began to wait (ms)
--
-- ARGV[1]      nowMs    int   0 means Redis TIME
-- ARGV[2]      epoch    int   the epoch under which the caller owns the shard
-- ARGV[3]      leaseMaxMs int a deadline further away than this is pulled in
-- ARGV[4]      tidies   int   1 to forget calls and idle workers as well, and to pull in deadlines; else 0
--
-- Replies
--   { "TICKED", recovered, buried, moved, nextDueMs, nextWakeMs, generation, woken, fence, recoveredIds, buriedIds }
--                       nextDueMs says in how many ms the next task is due, nextWakeMs when to tick next for that or
--                       anything else, both -1 when there is none; woken how many workers were told of what lies on the
--                       runway, fence what the last claim has; the ids are one text each, a line an id
--   { "STALE", epoch }  the shard has another owner
--   { "NO_QUEUE" }      the shard is not there (any more)
--
-- Cost O(M log N) for M ids moved.
local due, ready = { unpack(KEYS, 1, 10) }, { unpack(KEYS, 11, 20) }
local tasks, more, leased, leases = KEYS[21], KEYS[22], KEYS[23], KEYS[24]
local dead, done, errors, results = KEYS[25], KEYS[26], KEYS[27], KEYS[28]
local ctl, seq, stats = KEYS[29], KEYS[30], KEYS[31]
local calls, answers, waiting = KEYS[32], KEYS[33], KEYS[34]
local epoch, leaseMaxMs, tidies = ARGV[2], tonumber(ARGV[3]), ARGV[4] == "1"
local REAP_MAX, REAP_BIG_MAX, FILL_MAX, FORGET_MAX = 200, 8, 500, 200
-- Longer than any worker waits before it looks by itself, and is noted again.
local WAITING_KEPT_MS = 700000

local nowMs, nowUs = readClock(ARGV[1])
local known = redis.call("HMGET", ctl, "generation", "levels", "big", "paused")
if not known[1] then
  return { "NO_QUEUE" }
end
local generation, levels, big, paused = known[1], known[2] or "", known[3], known[4] == "1"
local last = redis.call("HMGET", seq, "epoch", "fence", "looksAt")
if last[1] ~= epoch then
  return { "STALE", last[1] or "0" }
end
-- From here on it looks when this answer says.
if last[3] then
  redis.call("HDEL", seq, "looksAt")
end

local farAway = {}
if tidies then
  local from = "(" .. whole(nowMs + leaseMaxMs)
  farAway = redis.call("ZRANGEBYSCORE", leased, from, "+inf", "LIMIT", "0", whole(REAP_MAX))
  for _, id in ipairs(farAway) do
    redis.call("ZADD", leased, whole(nowMs + leaseMaxMs), id)
  end
end

local function firstIn(scored)
  return tonumber(redis.call("ZRANGE", scored, "0", "0", "WITHSCORES")[2]) or math.huge
end

local deadlineMs = firstIn(leased)
local expiredLeases = {}
if deadlineMs <= nowMs then
  local reapMax = whole(big and REAP_BIG_MAX or REAP_MAX)
  expiredLeases = redis.call("ZRANGEBYSCORE", leased, "-inf", whole(nowMs), "LIMIT", "0", reapMax)
end
local batch, recovered, buried = {}, {}, {}
if #expiredLeases > 0 then
  local records = redis.call("HMGET", tasks, unpack(expiredLeases))
  local changed = redis.call("HMGET", more, unpack(expiredLeases))
  local facts, failures, burials = {}, {}, {}
  for i, id in ipairs(expiredLeases) do
    local record = records[i]
    if record and not isReadable(record) then
      addTo(batch, levelIn(ctl, record), nowMs, id)
      recovered[#recovered + 1] = id
    elseif record then
      local attempts, deaths, dueAtMs = factsOf(record, changed[i], nowMs)
      attempts, deaths = attempts + 1, deaths + 1
      local attemptsMax, deathsMax = limitsOf(record, ctl)
      addPair(facts, id, packFacts(attempts, deaths, dueAtMs))
      if attempts >= attemptsMax or deaths >= deathsMax then
        local message = "lease expired " .. deaths .. " times, " .. attempts .. " attempts used"
        addPair(failures, id, cjson.encode({ name = "LeaseExpired", message = message }))
        addPair(burials, whole(nowMs), id)
        buried[#buried + 1] = id
      else
        addTo(batch, levelOf(record), dueAtMs, id)
        recovered[#recovered + 1] = id
      end
    end
  end
  writePairs("HSET", more, facts)
  writePairs("HSET", errors, failures)
  writePairs("ZADD", dead, burials)
  redis.call("ZREM", leased, unpack(expiredLeases))
  redis.call("HDEL", leases, unpack(expiredLeases))
  deadlineMs = firstIn(leased)
  putDue(due, nowMs, batch)
  if #recovered > 0 then
    redis.call("HINCRBY", stats, "recovered", whole(#recovered))
  end
  if #buried > 0 then
    redis.call("HINCRBY", stats, "dead", whole(#buried))
  end
end

local moved, onRunway, nextDueMs = 0, 0, math.huge
for i = 1, #levels do
  local level = string.byte(levels, i) - 48
  local filled, length = fillRunway(due, ready, level, nowMs, FILL_MAX)
  moved, onRunway = moved + filled, onRunway + length
  local later =
    redis.call("ZRANGEBYSCORE", due[level + 1], "(" .. whole(nowMs), "+inf", "WITHSCORES", "LIMIT", "0", "1")
  if later[2] then
    nextDueMs = math.min(nextDueMs, math.ceil(tonumber(later[2]) - nowUs / 1000))
  end
end
local woken = onRunway > 0 and not paused and wakeWorkers(waiting, onRunway) or 0

local function forgetResults()
  local forgotten = redis.call("ZRANGEBYSCORE", done, "-inf", whole(nowMs), "LIMIT", "0", whole(FORGET_MAX))
  for _, key in ipairs({ tasks, more, errors, results }) do
    redis.call("HDEL", key, unpack(forgotten))
  end
  redis.call("ZREM", done, unpack(forgotten))
end

local nextWakeMs = nextDueMs
local forgetAtMs = firstIn(done)
if forgetAtMs <= nowMs then
  forgetResults()
  forgetAtMs = firstIn(done)
end
if forgetAtMs <= nowMs then
  nextWakeMs = 0
end
local firstMs = math.min(deadlineMs, forgetAtMs)
if firstMs < math.huge then
  nextWakeMs = math.min(nextWakeMs, math.max(0, firstMs - nowMs + 1))
end

-- Returns whether there are more to forget.
local function forgetCalls()
  local over, future = whole(nowMs - CALLS_KEPT_MS), "(" .. whole(nowMs + CALLS_KEPT_MS)
  local old = redis.call("ZRANGEBYSCORE", calls, "-inf", over, "LIMIT", "0", whole(FORGET_MAX))
  if #old == 0 then
    old = redis.call("ZRANGEBYSCORE", calls, future, "+inf", "LIMIT", "0", whole(FORGET_MAX))
  end
  if #old > 0 then
    redis.call("ZREM", calls, unpack(old))
    redis.call("HDEL", answers, unpack(old))
  end
  return #old == FORGET_MAX
end

if tidies then
  local isMore = forgetCalls()
  redis.call("ZREMRANGEBYSCORE", waiting, "-inf", whole(nowMs - WAITING_KEPT_MS))
  if isMore or #farAway == REAP_MAX then
    nextWakeMs = 0
  end
end
return {
  "TICKED",
  #recovered,
  #buried,
  moved,
  nextDueMs < math.huge and nextDueMs or -1,
  nextWakeMs < math.huge and nextWakeMs or -1,
  generation,
  woken,
  last[2] or "0",
  table.concat(recovered, "\n"),
  table.concat(buried, "\n"),
}
