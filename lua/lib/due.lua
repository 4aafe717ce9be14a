-- The only way by which a task becomes delayed or ready: into the due set of its level. Tells the shard's scheduler,
-- on the channel named like the key of level 0, when a level has a new head among what is due later; what is due already
-- is the workers' affair, and hides no head behind it.

-- batch: level -> { score, id, score, id, ... }. Returns how many of them are due now.
local function putDue(due, nowMs, batch)
  local dueNow = 0
  for level, scored in pairs(batch) do
    local key = due[level + 1]
    local earliest = math.huge
    for i = 1, #scored, 2 do
      local score = scored[i]
      if score <= nowMs then
        dueNow = dueNow + 1
      elseif score < earliest then
        earliest = score
      end
      scored[i] = whole(score)
    end
    local head = earliest < math.huge
      and redis.call("ZRANGEBYSCORE", key, "(" .. whole(nowMs), "+inf", "WITHSCORES", "LIMIT", "0", "1")[2]
    redis.call("ZADD", key, unpack(scored))
    if earliest < math.huge and (not head or earliest < tonumber(head)) then
      publish(due[1], whole(earliest - nowMs))
    end
  end
  return dueNow
end

local function addTo(batch, level, score, id)
  local scored = batch[level]
  if not scored then
    scored = {}
    batch[level] = scored
  end
  local at = #scored
  scored[at + 1], scored[at + 2] = score, id
end
