-- get: tasks as they are now.
--
-- One step, so that a task is seen in one place. Bounded: 384 KiB of records (or one task, if that is larger), so fewer may
-- come back than were asked for; ask again for the rest.
--
-- flags: no-writes
-- include lib/clock lib/items lib/record lib/place lib/rest lib/size
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
-- KEYS[19]    ctl      hash  the shard's copy of meta
--
-- ARGV[1]     nowMs    int   0 means Redis TIME
-- ARGV[2..]   items          each: id
--
-- Replies
--   { "TASKS", states, records, rest }  states are words with spaces between, `missing` for an id that is not there, and
--                       its record is empty; the rest is what few tasks have: index (from 0), more, lease, error, result...
--
-- Cost O(M log N) for M ids.
local due = { unpack(KEYS, 1, 10) }
local tasks, more, leased, leases = KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local dead, done, errors, results, ctl = KEYS[15], KEYS[16], KEYS[17], KEYS[18], KEYS[19]
local ITEMS_AT = 2

local nowMs = readClock(ARGV[1])
local ids = idsOfItems(ITEMS_AT, 1)
local keys = { due = due, leased = leased, dead = dead, done = done, tasks = tasks, ctl = ctl }
local places, scores = placesOf(keys, ids)
local recordAt = recordReader(ctl, tasks, ids)
local changed = redis.call("HMGET", more, unpack(ids))
local failures = redis.call("HMGET", errors, unpack(ids))
local states, shown, rest, bytes = {}, {}, {}, 0
for i = 1, #ids do
  local id = ids[i]
  local place = places[i]
  local record = place and recordAt(i) or ""
  local result = place == "done" and redis.call("HGET", results, id)
  bytes = bytes + #record + #(result or "")
  if i > 1 and bytes > CALL_BYTES_MAX then
    break
  end
  states[i] = place and stateIn(place, scores[i], nowMs) or "missing"
  shown[i] = record
  local lease = place == "leased" and redis.call("HGET", leases, id)
  addRest(rest, i, changed[i], lease, failures[i], result)
end
return { "TASKS", table.concat(states, " "), shown, rest }
