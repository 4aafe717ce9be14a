-- How large is large.

-- The bytes of records that one call hands out at most, or one record if that is larger: less than a millisecond of Redis' time.
local CALL_BYTES_MAX = 393216
-- A shard that has a larger record looks at sizes before it hands out many: 200 smaller ones stay below that.
local BIG_BYTES = 1900
