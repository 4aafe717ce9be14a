-- copy-ctl: a shard's copy of what meta says: format, shards, paused, profiles.
--
-- Scripts may read only keys of their own slot, so each shard has a copy. An older generation never overwrites a newer one;
-- profiles never change, so they are only added. Sent again, it changes nothing, but it writes: WAIT waits for what its own
-- connection wrote. Resuming wakes those who wait.
--
-- flags: allow-oom
-- include lib/wake
--
-- KEYS[1]  ctl         hash  the shard's copy of meta
-- KEYS[2]  waiting     zset  idle workers scored by when they began to wait (ms)
--
-- ARGV[1]  generation  int   of meta
-- ARGV[2]  shards      int
-- ARGV[3]  paused      int   1 or 0
-- ARGV[4..] items            each: profile number, profile (JSON)
--
-- Replies
--   { "COPIED" }
--   { "NEWER", generation }  the shard has a newer copy; profiles were added all the same
--
-- Cost O(P) for P profiles.
local ctl, waiting = KEYS[1], KEYS[2]
local generation, shards, paused = ARGV[1], ARGV[2], ARGV[3]
local ITEMS_AT = 4

for i = ITEMS_AT, #ARGV, 2 do
  redis.call("HSET", ctl, "profile:" .. ARGV[i], ARGV[i + 1])
end
local known = redis.call("HMGET", ctl, "generation", "paused")
if known[1] and tonumber(known[1]) > tonumber(generation) then
  redis.call("HSET", ctl, "generation", known[1])
  return { "NEWER", known[1] }
end
redis.call("HSET", ctl, "format", "1", "generation", generation, "shards", shards, "paused", paused)
if known[2] == "1" and paused == "0" then
  wakeWorkers(waiting, math.huge)
end
return { "COPIED" }
