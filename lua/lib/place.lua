-- State is where the id is. A record without any other place is on its runway.

-- keys: { due, leased, dead, done, tasks, ctl }. Returns, each by the position of the id: "due", "leased", "dead", "done",
-- "runway" or nil; the score there; and the level of those that are due or on a runway. Reads no record but of the few that
-- are in no set: records may be large.
local function placesOf(keys, ids)
  local places, scores, levelsOf = {}, {}, {}
  local left, wanted = {}, ids
  for i = 1, #ids do
    left[i] = i
  end
  local function look(place, key, level)
    if #left == 0 then
      return
    end
    local found = redis.call("ZMSCORE", key, unpack(wanted))
    local rest, restIds, count = {}, {}, 0
    for at = 1, #left do
      local i, score = left[at], found[at]
      if score then
        places[i], scores[i], levelsOf[i] = place, tonumber(score), level
      else
        count = count + 1
        rest[count], restIds[count] = i, ids[i]
      end
    end
    left, wanted = rest, restIds
  end
  local levels = redis.call("HGET", keys.ctl, "levels") or "9876543210"
  for at = 1, #levels do
    local level = string.byte(levels, at) - 48
    look("due", keys.due[level + 1], level)
  end
  look("leased", keys.leased)
  look("dead", keys.dead)
  look("done", keys.done)
  for _, i in ipairs(left) do
    local record = redis.call("HGET", keys.tasks, ids[i])
    if record then
      places[i], levelsOf[i] = "runway", levelIn(keys.ctl, record)
    end
  end
  return places, scores, levelsOf
end

-- What a task is to its users.
local function stateIn(place, score, nowMs)
  if place == "due" then
    return score > nowMs and "delayed" or "ready"
  end
  return place == "runway" and "ready" or place
end
