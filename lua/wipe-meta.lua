-- wipe-meta: meta of a queue away, for obliterate.
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

redis.call("UNLINK", meta)
return { "WIPED" }
