-- add: new tasks into the due sets of one shard.
--
-- One step, so that an acknowledged task has its record and its place. Bounded by the caller: 150 tasks, 512 KiB of records.
-- Sent again, it adds nothing and answers as before: the call's id is remembered, and an id that exists is left alone.
--
-- flags:
-- include lib/clock lib/items lib/calls lib/wake lib/due lib/record lib/size
--
-- KEYS[1..10] due      zset  task id scored by due time (ms), one a level
-- KEYS[11]    tasks    hash  id -> record
-- KEYS[12]    ctl      hash  the shard's copy of meta
-- KEYS[13]    stats    hash  counters
-- KEYS[14]    calls    zset  call id scored by the time it was made (ms)
-- KEYS[15]    answers  hash  call id -> its answer, where not the plain one
-- KEYS[16]    waiting  zset  idle workers scored by when they began to wait (ms)
--
-- ARGV[1]     nowMs    int   0 means Redis TIME
-- ARGV[2]     callId   text
-- ARGV[3]     profile  int   the profile of all tasks of this call
-- ARGV[4]     shards   int   the number of shards that the ids were made for
-- ARGV[5..]   items          each: id, record without the time when it was added
--
-- Replies
--   { "ADDED", nowMs, held, index... }  how many tasks the shard holds now, and the indexes (from 0) of the items whose id existed before
--   { "NO_PROFILE" }                    the shard does not know the queue, its shards or the profile: copy ctl, then add again
--
-- Cost O(M log N) for M tasks added to N.
local due = { unpack(KEYS, 1, 10) }
local tasks, ctl, stats = KEYS[11], KEYS[12], KEYS[13]
local calls, answers, waiting = KEYS[14], KEYS[15], KEYS[16]
local callId, profile, shards = ARGV[2], ARGV[3], ARGV[4]
local ITEMS_AT, ITEM_SIZE = 5, 2

local nowMs = readClock(ARGV[1])
local calledAtMs, called = recall(calls, answers, callId)
if calledAtMs then
  called = called or { "ADDED", calledAtMs }
  called[3] = redis.call("HLEN", tasks)
  return called
end
local known = redis.call("HMGET", ctl, "profile:" .. profile, "levels", "big", "paused", "shards")
if not known[1] or known[5] ~= shards then
  return { "NO_PROFILE" }
end
local levels, big, paused = known[2] or "", known[3], known[4] == "1"

local ids, taken = idsOfItems(ITEMS_AT, ITEM_SIZE), {}
local existing = not big and redis.call("HMGET", tasks, unpack(ids)) or {}
for i = 1, #ids do
  if existing[i] or (big and redis.call("HEXISTS", tasks, ids[i]) == 1) then
    taken[ids[i]] = true
  end
end

local answer = { "ADDED", nowMs, 0 }
local records, batch, added, at = {}, {}, 0, 0
local stamp, lastLevel, scored, size = packTime(nowMs), nil, nil, 0
for i = 1, #ids do
  local id = ids[i]
  if taken[id] then
    answer[#answer + 1] = i - 1
  else
    taken[id] = true
    local record = stamp .. ARGV[ITEMS_AT + i * ITEM_SIZE - 1]
    local level, due = levelAndDue(record, nowMs)
    if level ~= lastLevel then
      levels = withLevel(levels, level)
      batch[level] = batch[level] or {}
      lastLevel, scored = level, batch[level]
      size = #scored
    end
    scored[size + 1], scored[size + 2] = due, id
    records[at + 1], records[at + 2] = id, record
    size, at, added = size + 2, at + 2, added + 1
    if #record > BIG_BYTES then
      big = "1"
    end
  end
end

if added > 0 then
  if levels ~= known[2] then
    redis.call("HSET", ctl, "levels", levels)
  end
  if big ~= known[3] then
    redis.call("HSET", ctl, "big", big)
  end
  redis.call("HSET", tasks, unpack(records))
  redis.call("HINCRBY", stats, "added", whole(added))
  local dueNow = putDue(due, nowMs, batch)
  if not paused then
    callWorkers(due, waiting, dueNow)
  end
end
answer[3] = redis.call("HLEN", tasks)
remember(calls, answers, callId, nowMs, #answer > 3 and answer)
return answer
