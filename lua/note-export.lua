-- note-export: into meta, when an export of the queue was written to its end.
--
-- Sent again, it notes the later time.
--
-- flags: allow-oom
-- include lib/clock
--
-- KEYS[1]  meta   hash  format, shards, paused, generation, profiles, exportedAtMs
--
-- ARGV[1]  nowMs  int   0 means Redis TIME
--
-- Replies
--   { "NOTED" }
--   { "NO_QUEUE" }
--
-- Cost O(1).
local meta = KEYS[1]

local nowMs = readClock(ARGV[1])
if redis.call("HEXISTS", meta, "format") == 0 then
  return { "NO_QUEUE" }
end
redis.call("HSET", meta, "exportedAtMs", whole(nowMs))
return { "NOTED" }
