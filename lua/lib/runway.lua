-- The runway: due ids of one level in a LIST, which is the cheapest hand-over, and short, so that taking one id out of its
-- middle stays cheap. The rest of what is due waits in the due set.

local RUNWAY_MAX = 2000

-- Moves up to `limit` due ids of a level onto its runway. Returns how many, and how many are there now.
local function fillRunway(due, ready, level, nowMs, limit)
  local length = redis.call("LLEN", ready[level + 1])
  local room = math.min(limit, RUNWAY_MAX - length)
  if room <= 0 then
    return 0, length
  end
  local ids = redis.call("ZRANGEBYSCORE", due[level + 1], "-inf", whole(nowMs), "LIMIT", "0", whole(room))
  if #ids > 0 then
    length = redis.call("RPUSH", ready[level + 1], unpack(ids))
    redis.call("ZREMRANGEBYRANK", due[level + 1], "0", whole(#ids - 1))
  end
  return #ids, length
end

-- Takes one away. Where its record cannot be read its level is not known, so that it may be on another runway.
local function takeOff(ready, level, id)
  if redis.call("LREM", ready[level + 1], "1", id) > 0 then
    return
  end
  for _, key in ipairs(ready) do
    redis.call("LREM", key, "1", id)
  end
end

-- Whether a task of any level in use is due.
local function hasDue(due, ready, levels, nowMs)
  for i = 1, #levels do
    local level = string.byte(levels, i) - 48
    if redis.call("LLEN", ready[level + 1]) > 0 then
      return true
    end
    local head = redis.call("ZRANGE", due[level + 1], "0", "0", "WITHSCORES")[2]
    if head and tonumber(head) <= nowMs then
      return true
    end
  end
  return false
end
