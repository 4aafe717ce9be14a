-- wipe-shard: everything of a shard away, for obliterate.
--
-- Memory is freed in the background (UNLINK), so the call is short however much there is.
--
-- Those who wait here are woken, to find out that the queue is gone. Sent again, it writes too, and leaves nothing: WAIT
-- waits for what its own connection wrote.
--
-- flags: allow-oom
-- include lib/wake
--
-- KEYS[1]     waiting  zset  idle workers scored by when they began to wait (ms)
-- KEYS[2..35] keys     any   all keys of the shard; the first names the scheduler's channel
--
-- Replies
--   { "WIPED" }
--
-- Cost O(1).
local waiting = KEYS[1]
local keys = { unpack(KEYS, 2, 35) }

wakeWorkers(waiting, math.huge)
publish(keys[1], "0")
redis.call("UNLINK", unpack(keys))
redis.call("HSET", waiting, "gone", "1")
redis.call("UNLINK", waiting)
return { "WIPED" }
