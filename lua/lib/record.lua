-- The packed record of a task, written once:
--
--   1-6    added at, ms, big endian
--   7      format, "1"
--   8-9    profile number, base 128
--   10     priority (0-9), plus 16 if overrides follow the name, plus 32 if the due time is a delay
--   11-17  due at as added, ms, base 128; or how long after it was added
--   18-19  length of the name, base 128, then the name
--          where there are overrides: their length, base 128, then they, JSON
--          the payload, JSON
--
-- A producer sends all but the first time, as plain text; the script puts that before it by the Redis clock.
-- `more` holds the facts that changed, as "attempts:deaths:dueAtMs" (due 0 means as in the record).
--
-- A newer release, or somebody else, may have written what cannot be read here. That must cost its own task alone: what takes
-- a record apart is asked for readable ones only, and the rest never fails, whatever the bytes are.

local byte = string.byte

local function packTime(ms)
  return struct.pack(">I6", ms)
end

local function isReadable(record)
  return #record >= 19 and byte(record, 7) == 49 and byte(record, 10) % 16 < 10
end

local function levelOf(record)
  return byte(record, 10) % 16
end

-- The same of any record: of one that cannot be read a level in use, so that its task is found again.
local function levelIn(ctl, record)
  if isReadable(record) then
    return levelOf(record)
  end
  local levels = redis.call("HGET", ctl, "levels") or "0"
  local level = (byte(record, 10) or 0) % 16
  return level < 10 and string.find(levels, level, 1, true) and level or byte(levels, -1) - 48
end

-- The levels in use as one text, the highest first, with one more.
local function withLevel(levels, level)
  if string.find(levels, level, 1, true) then
    return levels
  end
  for at = 1, #levels do
    if byte(levels, at) - 48 < level then
      return string.sub(levels, 1, at - 1) .. level .. string.sub(levels, at)
    end
  end
  return levels .. level
end

-- The level, and when it is due by the record.
local function levelAndDue(record, addedAtMs)
  local flags, a, b, c, d, e, f, g = byte(record, 10, 17)
  local ms = (((((a * 128 + b) * 128 + c) * 128 + d) * 128 + e) * 128 + f) * 128 + g
  return flags % 16, flags < 32 and ms or addedAtMs + ms
end

-- How many attempts and deaths a task has used, by its changed facts, if there are any.
local function usesOf(more)
  if not more then
    return 0, 0
  end
  local attempts, deaths, dueAtMs = string.match(more, "^(%d+):(%d+):(%d+)$")
  return tonumber(attempts) or 0, tonumber(deaths) or 0, tonumber(dueAtMs) or 0
end

-- What cannot be read is due now.
local function factsOf(record, more, nowMs)
  local attempts, deaths, dueAtMs = usesOf(more)
  if not dueAtMs or dueAtMs == 0 then
    dueAtMs = nowMs
    if isReadable(record) then
      local _, firstAtMs = levelAndDue(record, (struct.unpack(">I6", record)))
      dueAtMs = firstAtMs
    end
  end
  return attempts, deaths, dueAtMs
end

local function packFacts(attempts, deaths, dueAtMs)
  return string.format("%d:%d:%d", attempts, deaths, dueAtMs)
end

local function base128(record, at)
  local high, low = byte(record, at, at + 1)
  return (high or 0) * 128 + (low or 0)
end

-- Where the name ends, and where the overrides do that may stand behind it.
local function headEnds(record)
  local nameEnd = 19 + base128(record, 18)
  if byte(record, 10) % 32 < 16 then
    return nameEnd, nameEnd
  end
  return nameEnd, nameEnd + 2 + base128(record, nameEnd + 1)
end

-- Where the payload begins.
local function payloadAt(record)
  local _, headEnd = headEnds(record)
  return headEnd + 1
end

local function decoded(json)
  local isJson, value = pcall(cjson.decode, json)
  return isJson and type(value) == "table" and value or {}
end

-- Of profiles that this call has looked at.
local keptOptions = {}

local function keptOf(profile, ctl)
  local kept = keptOptions[profile]
  if not kept then
    kept = cjson.decode(redis.call("HGET", ctl, "profile:" .. profile) or "{}")
    keptOptions[profile] = kept
  end
  return kept
end

-- What the record says of its options, and what its profile says of all.
local function optionsOf(record, ctl)
  local kept = keptOf(base128(record, 8), ctl)
  local nameEnd, headEnd = headEnds(record)
  return headEnd > nameEnd and decoded(string.sub(record, nameEnd + 3, headEnd)) or {}, kept
end

-- How many attempts and deaths the task may use.
local function limitsOf(record, ctl)
  local own, kept = optionsOf(record, ctl)
  local attempts, deathsMax = tonumber(own.attempts), tonumber(own.deathsMax)
  return attempts or kept.attempts or math.huge, deathsMax or kept.deathsMax or math.huge
end

-- Whether it is not run any more when it is claimed too late.
local function canExpire(record, ctl)
  local own, kept = optionsOf(record, ctl)
  return (tonumber(own.expireMs) or kept.expireMs or 0) > 0
end
