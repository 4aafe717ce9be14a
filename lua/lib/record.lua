-- The packed record of a task, written once:
--
--   1-6    added at, ms, big endian
--   7-12   due at as added, ms, big endian
--   13     format, "1"
--   14-15  profile number, base 128
--   16     priority (0-9), plus 16 if overrides follow the name
--   17-18  length of the name, base 128, then the name
--          where there are overrides: their length, base 128, then they, JSON
--          the payload, JSON
--
-- A producer sends it without the two times, as plain text; the script puts them before it by the Redis clock.
-- `more` holds the facts that changed, as "attempts:deaths:dueAtMs" (due 0 means as in the record).

local function packTime(ms)
  return struct.pack(">I6", ms)
end

local function isKnownFormat(record)
  return string.byte(record, 13) == 49
end

local function levelOf(record)
  return string.byte(record, 16) % 16
end

-- How many attempts and deaths a task has used, by its changed facts, if there are any.
local function usesOf(more)
  if not more then
    return 0, 0
  end
  local attempts, deaths, dueAtMs = string.match(more, "^(%d+):(%d+):(%d+)$")
  return tonumber(attempts) or 0, tonumber(deaths) or 0, tonumber(dueAtMs) or 0
end

local function factsOf(record, more)
  local attempts, deaths, dueAtMs = usesOf(more)
  if not dueAtMs or dueAtMs == 0 then
    dueAtMs = struct.unpack(">I6", record, 7)
  end
  return attempts, deaths, dueAtMs
end

local function packFacts(attempts, deaths, dueAtMs)
  return attempts .. ":" .. deaths .. ":" .. whole(dueAtMs)
end

local function base128(record, at)
  local high, low = string.byte(record, at, at + 1)
  return high * 128 + low
end

-- Where the payload begins.
local function payloadAt(record)
  local at = 19 + base128(record, 17)
  if string.byte(record, 16) >= 16 then
    at = at + 2 + base128(record, at)
  end
  return at
end

-- How many attempts and deaths the task may use: what the record says, else what its profile says.
local function limitsOf(record, ctl)
  local kept = cjson.decode(redis.call("HGET", ctl, "profile:" .. base128(record, 14)) or "{}")
  local attempts, deaths = kept.attempts, kept.deathsMax
  if string.byte(record, 16) >= 16 then
    local at = 19 + base128(record, 17)
    local own = cjson.decode(string.sub(record, at + 2, at + 1 + base128(record, at)))
    attempts, deaths = own.attempts or attempts, own.deathsMax or deaths
  end
  return attempts or math.huge, deaths or math.huge
end
