-- The only clock that decides anything: Redis TIME, or the time that a test passes in ("0" means Redis TIME).

local function readClock(givenMs)
  if givenMs ~= "0" then
    return tonumber(givenMs), tonumber(givenMs) * 1000
  end
  local time = redis.call("TIME")
  local us = tonumber(time[1]) * 1000000 + tonumber(time[2])
  return math.floor(us / 1000), us
end

-- A whole number as text. Lua would print large ones with an exponent; and what it hands to Redis as numbers is printed with
-- 17 digits, which costs more than the rest of a small command.
local function whole(number)
  return string.format("%d", number)
end

-- The next number of a sequence that goes on growing even when a failover lost the last one.
local function nextNumber(last, nowUs)
  return math.max((tonumber(last) or 0) + 1, nowUs)
end
