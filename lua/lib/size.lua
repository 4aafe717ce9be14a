-- How large is large.

-- The bytes of records that one call hands out at most, or one record if that is larger: less than a millisecond of Redis' time.
local CALL_BYTES_MAX = 393216
-- A shard that has a larger record looks at sizes before it hands out many: 200 smaller ones stay below that.
local BIG_BYTES = 1900

-- Returns what reads the record of the i-th id. When the first is asked for all are read at once, unless some may be large: then
-- each by itself.
local function recordReader(ctl, tasks, ids)
  local records
  return function(i)
    if records == nil then
      records = not redis.call("HGET", ctl, "big") and redis.call("HMGET", tasks, unpack(ids))
    end
    if records then
      return records[i]
    end
    return redis.call("HGET", tasks, ids[i])
  end
end
