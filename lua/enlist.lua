-- enlist: a queue into the registry, or out of it; with that, nothing ever needs KEYS or SCAN.
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

if shards == "0" then
  redis.call("HDEL", queues, queue)
elseif redis.call("HGET", queues, queue) ~= shards then
  redis.call("HSET", queues, queue, shards)
end
return { "ENLISTED" }
