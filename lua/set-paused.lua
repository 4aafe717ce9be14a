-- set-paused: pause or resume in meta, under a new generation; the copies follow.
--
-- A restore pauses under an id of its own, and resumes only what is paused under that: whoever pauses for anything else meanwhile,
-- and whoever had paused before, finds the queue paused when the restore has ended. One step, so that nobody can pause between
-- the look and the write. Of two restores the later one has it.
--
-- Sent again, it makes one more generation of the same content.
--
-- flags: allow-oom
-- include lib/clock
--
-- KEYS[1]  meta       hash  format, shards, paused, generation, profiles, restoring
--
-- ARGV[1]  nowMs      int   0 means Redis TIME
-- ARGV[2]  paused     int   1 or 0
-- ARGV[3]  restoring  text  the id of the restore that it is for; empty if it is for none
--
-- Replies
--   { "SET", generation, shards, isOwn }  isOwn is 1 where a restore has paused the queue, and so is to resume it
--   { "HELD" }      what a restore would resume is paused for something else, or for another restore
--   { "NO_QUEUE" }
--
-- Cost O(1).
local meta = KEYS[1]
local paused, restoring = ARGV[2], ARGV[3]

local _, nowUs = readClock(ARGV[1])
local known = redis.call("HMGET", meta, "generation", "shards", "paused", "restoring")
if not known[1] then
  return { "NO_QUEUE" }
end
local isHeld = known[3] == "1" and not known[4]
if restoring ~= "" and paused == "0" and known[3] == "1" and known[4] ~= restoring then
  return { "HELD" }
end
local generation = whole(nextNumber(known[1], nowUs))
redis.call("HSET", meta, "paused", paused, "generation", generation)
local isOwn = restoring ~= "" and paused == "1" and not isHeld
if isOwn then
  redis.call("HSET", meta, "restoring", restoring)
else
  redis.call("HDEL", meta, "restoring")
end
return { "SET", generation, known[2], isOwn and 1 or 0 }
