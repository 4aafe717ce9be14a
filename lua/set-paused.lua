-- set-paused: pause or resume in meta, under a new generation; the copies follow.
--
-- Sent again, it makes one more generation of the same content.
--
-- flags: allow-oom
-- include lib/clock
--
-- KEYS[1]  meta       hash  format, shards, paused, generation, profiles
--
-- ARGV[1]  nowMs      int   0 means Redis TIME
-- ARGV[2]  paused     int   1 or 0
-- ARGV[3]  restoring  int   1 if it is paused for a restore, which resumes it; whoever pauses it for anything else takes that back
--
-- Replies
--   { "SET", generation, shards }
--   { "NO_QUEUE" }
--
-- Cost O(1).
local meta = KEYS[1]
local paused, restoring = ARGV[2], ARGV[3]

local _, nowUs = readClock(ARGV[1])
local known = redis.call("HMGET", meta, "generation", "shards")
if not known[1] then
  return { "NO_QUEUE" }
end
local generation = whole(nextNumber(known[1], nowUs))
redis.call("HSET", meta, "paused", paused, "generation", generation)
if restoring == "1" then
  redis.call("HSET", meta, "restoring", restoring)
else
  redis.call("HDEL", meta, "restoring")
end
return { "SET", generation, known[2] }
