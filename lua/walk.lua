-- walk: the next of all tasks of a shard, whatever their states, as they are now.
--
-- One step, so that each task is seen in one place with all that belongs to it. Goes through the records, which stay where
-- they are while ids move: a task that is there from the first page to the last is on at least one of them, and after Redis
-- has shrunk the table perhaps on two. A cursor means something only to the server that gave it: a page that was asked for with
-- one of another server is none.
--
-- Bounded: about `limit` tasks, or 384 KiB of records (or one bucket of the table, if that is larger).
--
-- flags: no-writes
-- include lib/clock lib/record lib/place lib/rest lib/size
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
-- ARGV[2]     cursor   text  of the page before; 0 for the first one
-- ARGV[3]     server   text  of the page before; empty for the first one
-- ARGV[4]     limit    int   1..1000
--
-- Replies
--   { "PAGE", nowMs, cursor, server, ids, states, scores, records, rest }  the cursor is 0 behind the last page; ids are
--                       one text, a line each; states and scores (of those that are on a runway 0) are words with spaces
--                       between; the rest is as in `get`
--   { "MOVED" }         the shard is on another server now: begin again
--
-- Cost O(M log N) for M tasks.
local due = { unpack(KEYS, 1, 10) }
local tasks, more, leased, leases = KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local dead, done, errors, results, ctl = KEYS[15], KEYS[16], KEYS[17], KEYS[18], KEYS[19]
local cursor, server, limit = ARGV[2], ARGV[3], tonumber(ARGV[4])
local LOOKS_MAX = 200

local nowMs = readClock(ARGV[1])
-- Whoever may not ask for it does not learn of a move; the documents say so.
local info = redis.pcall("INFO", "server")
local here = type(info) == "string" and string.match(info, "run_id:(%w+)") or "unknown"
if server ~= "" and server ~= here then
  return { "MOVED" }
end

-- Large records come one bucket at a time, since a page cannot be handed back.
local count = redis.call("HGET", ctl, "big") and 1 or limit
local ids, records, isKnown, bytes = {}, {}, {}, 0
for _ = 1, LOOKS_MAX do
  local page = redis.call("HSCAN", tasks, cursor, "COUNT", whole(count))
  cursor = page[1]
  for at = 1, #page[2], 2 do
    local id, record = page[2][at], page[2][at + 1]
    if not isKnown[id] then
      isKnown[id] = true
      ids[#ids + 1], records[#records + 1] = id, record
      bytes = bytes + #record
    end
  end
  if cursor == "0" or #ids >= limit or bytes >= CALL_BYTES_MAX then
    break
  end
end
if #ids == 0 then
  return { "PAGE", nowMs, cursor, here, "", "", "", {}, {} }
end

local keys = { due = due, leased = leased, dead = dead, done = done, tasks = tasks, ctl = ctl }
local places, scores = placesOf(keys, ids)
local changed = redis.call("HMGET", more, unpack(ids))
local failures = redis.call("HMGET", errors, unpack(ids))
local states, scored, rest = {}, {}, {}
for i, id in ipairs(ids) do
  local place, score = places[i], scores[i]
  states[i] = stateIn(place, score, nowMs)
  scored[i] = whole(score or 0)
  local lease = place == "leased" and redis.call("HGET", leases, id)
  local result = place == "done" and redis.call("HGET", results, id)
  addRest(rest, i, changed[i], lease, failures[i], result)
end
return {
  "PAGE",
  nowMs,
  cursor,
  here,
  table.concat(ids, "\n"),
  table.concat(states, " "),
  table.concat(scored, " "),
  records,
  rest,
}
