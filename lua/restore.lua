-- restore: tasks of an export, as they were, into one shard of a paused queue.
--
-- One step, so that a restored task has its record, its place and all that belongs to it. Only while the queue is paused, so
-- that none runs before all are there. A leased one is to be sent as a pending one: its worker is not here. Bounded by the caller: 50
-- tasks, 512 KiB. Sent again, it restores nothing and answers as before: the call's id is remembered, and an id that exists is
-- left alone.
--
-- All that is restored counts as added, and what was done as completed too.
--
-- flags:
-- include lib/clock lib/calls lib/wake lib/due lib/record lib/size lib/writes
--
-- KEYS[1..10] due      zset  task id scored by due time (ms), one a level
-- KEYS[11]    tasks    hash  id -> record
-- KEYS[12]    more     hash  id -> changed facts
-- KEYS[13]    dead     zset  id scored by when it died (ms)
-- KEYS[14]    done     zset  id scored by when it is forgotten (ms)
-- KEYS[15]    errors   hash  id -> last error
-- KEYS[16]    results  hash  id -> result
-- KEYS[17]    ctl      hash  the shard's copy of meta
-- KEYS[18]    stats    hash  counters
-- KEYS[19]    calls    zset  call id scored by the time it was made (ms)
-- KEYS[20]    answers  hash  call id -> its answer, where not the plain one
--
-- ARGV[1]     nowMs    int   0 means Redis TIME
-- ARGV[2]     callId   text
-- ARGV[3]     shards   int   the number of shards that the tasks were sorted for
-- ARGV[4..]   items          each: id, addedAtMs, record, place, ms, changed, error, result
--                            the record is without the time when it was added, as `add` takes it; place is one of
--                            due      pending, due as the record or the changed facts say
--                            dead     died at ms
--                            done     forgotten in ms
--                            changed facts, error and result are empty where there are none
--
-- Replies
--   { "RESTORED", index... }  the indexes (from 0) of the items whose id existed before
--   { "RUNNING" }             the queue is not paused
--   { "NO_PROFILE" }          the shard does not know the queue, its shards or a profile: copy ctl, then restore again
--
-- Cost O(M log N) for M tasks restored.
local due = { unpack(KEYS, 1, 10) }
local tasks, more, dead, done = KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local errors, results, ctl, stats = KEYS[15], KEYS[16], KEYS[17], KEYS[18]
local calls, answers = KEYS[19], KEYS[20]
local callId, shards = ARGV[2], ARGV[3]
local ITEMS_AT, ITEM_SIZE = 4, 8

local nowMs = readClock(ARGV[1])
local calledAtMs, called = recall(calls, answers, callId)
if calledAtMs then
  return called or { "RESTORED" }
end
local known = redis.call("HMGET", ctl, "shards", "paused", "levels", "big")
if known[1] ~= shards then
  return { "NO_PROFILE" }
end
if known[2] ~= "1" then
  return { "RUNNING" }
end
local levels, big = known[3] or "", known[4]

local function isTime(text)
  local ms = tonumber(text)
  return ms and ms >= 0 and ms < 2 ^ 48
end

local hasProfile = {}
for at = ITEMS_AT, #ARGV, ITEM_SIZE do
  local record, place = ARGV[at + 2], ARGV[at + 3]
  if not (isTime(ARGV[at + 1]) and isTime(ARGV[at + 4])) then
    return redis.error_reply("ERR expected two times, got " .. ARGV[at + 1] .. " and " .. ARGV[at + 4])
  end
  if place ~= "due" and place ~= "dead" and place ~= "done" then
    return redis.error_reply("ERR expected the place to be due, dead or done, got " .. place)
  end
  -- It will stand two bytes behind the six of the time.
  local profile = base128(record, 2)
  if hasProfile[profile] == nil then
    hasProfile[profile] = redis.call("HEXISTS", ctl, "profile:" .. profile) == 1
  end
  if not hasProfile[profile] then
    return { "NO_PROFILE" }
  end
end

-- What is to be written, flat, by the key that it goes to.
local writes = { [tasks] = {}, [more] = {}, [errors] = {}, [results] = {}, [dead] = {}, [done] = {} }
local function write(key, first, second)
  addPair(writes[key], first, second)
end

local answer, taken, batch, restored, completed = { "RESTORED" }, {}, {}, 0, 0
for at = ITEMS_AT, #ARGV, ITEM_SIZE do
  local id, place, ms, changed = ARGV[at], ARGV[at + 3], tonumber(ARGV[at + 4]), ARGV[at + 5]
  if taken[id] or redis.call("HEXISTS", tasks, id) == 1 then
    answer[#answer + 1] = (at - ITEMS_AT) / ITEM_SIZE
  else
    local record = packTime(tonumber(ARGV[at + 1])) .. ARGV[at + 2]
    taken[id] = true
    restored = restored + 1
    write(tasks, id, record)
    -- Of a dead one too: it may be requeued.
    local level = levelOf(record)
    levels = withLevel(levels, level)
    if #record > BIG_BYTES then
      big = "1"
    end
    if changed ~= "" then
      write(more, id, changed)
    end
    if ARGV[at + 6] ~= "" then
      write(errors, id, ARGV[at + 6])
    end
    if place == "due" then
      local _, _, dueAtMs = factsOf(record, changed, nowMs)
      addTo(batch, level, dueAtMs, id)
    elseif place == "dead" then
      write(dead, whole(ms), id)
    else
      completed = completed + 1
      write(done, whole(nowMs + ms), id)
      write(results, id, ARGV[at + 7])
    end
  end
end

if restored > 0 then
  if levels ~= (known[3] or "") then
    redis.call("HSET", ctl, "levels", levels)
  end
  if big ~= known[4] then
    redis.call("HSET", ctl, "big", big)
  end
  for key, flat in pairs(writes) do
    writePairs((key == dead or key == done) and "ZADD" or "HSET", key, flat)
  end
  redis.call("HINCRBY", stats, "added", whole(restored))
  redis.call("HINCRBY", stats, "restored", whole(restored))
  if completed > 0 then
    redis.call("HINCRBY", stats, "completed", whole(completed))
  end
  putDue(due, nowMs, batch)
end
remember(calls, answers, callId, nowMs, #answer > 1 and answer)
return answer
