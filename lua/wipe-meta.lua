-- wipe-meta: meta of a queue away, for obliterate.
--
-- Sent again, it writes too, and leaves nothing: WAIT waits for what its own connection wrote.
--
-- flags: allow-oom
--
-- KEYS[1]  meta  hash  format, shards, paused, generation, profiles
--
-- Replies
--   { "WIPED" }
--
-- Cost O(1).
local meta = KEYS[1]

redis.call("HSET", meta, "format", "")
redis.call("UNLINK", meta)
return { "WIPED" }
