-- wipe-shard: everything of a shard away, for obliterate.
--
-- Memory is freed in the background (UNLINK), so the call is short however much there is.
--
-- flags: allow-oom
--
-- KEYS[1]   leased   zset  id scored by lease deadline (ms)
-- KEYS[2..35] keys   any   all keys of the shard
--
-- ARGV[1]   force    int   1 to wipe although tasks are running
--
-- Replies
--   { "WIPED" }
--   { "LEASED", count }  tasks are running; nothing was changed
--
-- Cost O(1).
local leased = KEYS[1]
local keys = { unpack(KEYS, 2, 35) }
local force = ARGV[1] == "1"

local running = redis.call("ZCARD", leased)
if running > 0 and not force then
  return { "LEASED", running }
end
redis.call("UNLINK", unpack(keys))
return { "WIPED" }
