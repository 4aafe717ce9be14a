-- take-shard: a scheduler becomes the owner of a shard, under a new epoch.
--
-- A compare-and-set on the epoch that the caller saw last, so that of two that try at once one is told of the other.
--
-- flags: allow-oom
-- include lib/clock
--
-- KEYS[1]  ctl        hash  the shard's copy of meta
-- KEYS[2]  seq        hash  fence, epoch, owner, looksAt (ms)
--
-- ARGV[1]  nowMs      int   0 means Redis TIME
-- ARGV[2]  scheduler  text
-- ARGV[3]  seenEpoch  int   0 if none was seen
--
-- Replies
--   { "TAKEN", epoch }
--   { "HELD", epoch, owner }  the epoch has moved on; owner may be empty
--   { "NO_QUEUE" }            the shard is not there (yet)
--
-- Cost O(1).
local ctl, seq = KEYS[1], KEYS[2]
local scheduler, seenEpoch = ARGV[2], ARGV[3]

local _, nowUs = readClock(ARGV[1])
if redis.call("EXISTS", ctl) == 0 then
  return { "NO_QUEUE" }
end
local current = redis.call("HMGET", seq, "epoch", "owner")
if (current[1] or "0") ~= seenEpoch then
  return { "HELD", current[1] or "0", current[2] or "" }
end
local epoch = whole(nextNumber(current[1], nowUs))
redis.call("HSET", seq, "epoch", epoch, "owner", scheduler)
return { "TAKEN", epoch }
