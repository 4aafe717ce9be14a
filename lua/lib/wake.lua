-- Wakes idle workers, as many as are needed. A claim that leaves slots free notes its worker in `waiting`; here the
-- longest waiting ones are taken off and told on their own channel, until enough of them answered. A message is a hint:
-- behind it stand the scheduler's next look and the worker's slow poll. So a user who may not publish is no error.

local WAKE_MAX = 100

-- Returns how many heard it.
local function publish(channel, message)
  local heard = redis.pcall("SPUBLISH", channel, message)
  return type(heard) == "number" and heard or 0
end

-- Returns how many heard it.
local function wakeWorkers(waiting, wanted)
  local woken = 0
  for _ = 1, WAKE_MAX do
    if woken >= wanted then
      break
    end
    local worker = redis.call("ZPOPMIN", waiting)[1]
    if not worker then
      break
    end
    if publish(waiting .. ":" .. worker, "") > 0 then
      woken = woken + 1
    end
  end
  return woken
end

-- For what has just become due: the shard's scheduler looks again soon, in case a worker died with the message.
local function callWorkers(due, waiting, wanted)
  if wakeWorkers(waiting, wanted) > 0 then
    publish(due[1], "again")
  end
end
