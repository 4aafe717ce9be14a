-- State is where the id is. A record without any other place is on its runway.

-- keys: { due, leased, dead, done }. Returns nil, "leased", "dead", "done", "due" or "runway", and the score there.
local function placeOf(keys, id, record)
  if not record then
    return nil
  end
  local score = redis.call("ZSCORE", keys.due[levelOf(record) + 1], id)
  if score then
    return "due", tonumber(score)
  end
  for _, place in ipairs({ "leased", "dead", "done" }) do
    score = redis.call("ZSCORE", keys[place], id)
    if score then
      return place, tonumber(score)
    end
  end
  return "runway"
end

-- Takes a pending id out of the due set or the runway.
local function takeOut(due, ready, level, id, place)
  if place == "due" then
    redis.call("ZREM", due[level + 1], id)
  else
    redis.call("LREM", ready[level + 1], 1, id)
  end
end
