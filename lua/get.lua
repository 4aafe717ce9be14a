-- get: tasks as they are now.
--
-- One step, so that a task is seen in one place. Bounded: 1 MiB of records (or one task, if that is larger), so fewer may
-- come back than were asked for; ask again for the rest.
--
-- flags: no-writes
-- include lib/clock lib/record lib/place
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
--
-- ARGV[1]     nowMs    int   0 means Redis TIME
-- ARGV[2..]   items          each: id
--
-- Replies
--   { "TASKS", state, record, more, lease, error, result... }  state is empty for an id that is not there
--
-- Cost O(M log N) for M ids.
local due = { unpack(KEYS, 1, 10) }
local tasks, more, leased, leases = KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local dead, done, errors, results = KEYS[15], KEYS[16], KEYS[17], KEYS[18]
local ITEMS_AT = 2
local BYTES_MAX = 1048576

local nowMs = readClock(ARGV[1])
local keys = { due = due, leased = leased, dead = dead, done = done }
local areSome = { more = redis.call("EXISTS", more) == 1, errors = redis.call("EXISTS", errors) == 1 }
local answer, bytes = { "TASKS" }, 0
for i = ITEMS_AT, #ARGV do
  local id = ARGV[i]
  local record = redis.call("HGET", tasks, id)
  local place, score = placeOf(keys, id, record)
  local result = place == "done" and redis.call("HGET", results, id) or ""
  bytes = bytes + #(record or "") + #result
  if i > ITEMS_AT and bytes > BYTES_MAX then
    break
  end
  local state = place or ""
  if place == "runway" or place == "due" then
    state = place == "due" and score > nowMs and "delayed" or "ready"
  end
  answer[#answer + 1] = state
  answer[#answer + 1] = record or ""
  answer[#answer + 1] = areSome.more and redis.call("HGET", more, id) or ""
  answer[#answer + 1] = place == "leased" and redis.call("HGET", leases, id) or ""
  answer[#answer + 1] = areSome.errors and redis.call("HGET", errors, id) or ""
  answer[#answer + 1] = result
end
return answer
