-- enlist: a queue into the registry, or out of it; with that, nothing ever needs KEYS or SCAN.
--
-- Sent again, it changes nothing, but it writes: WAIT waits for what its own connection wrote.
--
-- flags: allow-oom
--
-- KEYS[1]  queues  hash  queue name -> number of shards
--
-- ARGV[1]  queue   text
-- ARGV[2]  shards  int   0 takes the queue out
--
-- Replies
--   { "ENLISTED" }
--
-- Cost O(1).
local queues = KEYS[1]
local queue, shards = ARGV[1], ARGV[2]

redis.call("HSET", queues, queue, shards)
if shards == "0" then
  redis.call("HDEL", queues, queue)
end
return { "ENLISTED" }
