-- leave-shard: the owner of a shard gives it up; a worker that ends is forgotten.
--
-- Sent again, or by someone who is not the owner, it changes nothing of the owner's.
--
-- flags: allow-oom
--
-- KEYS[1]  seq      hash  fence, epoch, owner, looksAt (ms)
-- KEYS[2]  calls    zset  call id scored by the time it was made (ms)
-- KEYS[3]  answers  hash  call id -> its answer, where not the plain one
-- KEYS[4]  waiting  zset  idle workers scored by when they began to wait (ms)
--
-- ARGV[1]  member   text  the scheduler or worker that leaves
--
-- Replies
--   { "LEFT" }
--
-- Cost O(log N).
local seq, calls, answers, waiting = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local member = ARGV[1]

if redis.call("HGET", seq, "owner") == member then
  redis.call("HDEL", seq, "owner")
end
redis.call("ZREM", waiting, member)
redis.call("ZREM", calls, member)
redis.call("HDEL", answers, member)
return { "LEFT" }
