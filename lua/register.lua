-- register: a producer's queue and its defaults into meta.
--
-- One step, so that two first producers agree on the number of shards. A set of defaults is stored once, under a number,
-- and never rewritten: pending tasks keep the options they were added with. Sent again, it changes nothing, but it writes:
-- WAIT waits for what its own connection wrote. The number is made from the content: so a producer that knew the queue
-- before it was obliterated does not take another's defaults.
--
-- flags:
-- include lib/clock
--
-- KEYS[1]  meta      hash  format, shards, paused, generation, profiles
--
-- ARGV[1]  nowMs     int   0 means Redis TIME
-- ARGV[2]  shards    int   what the producer asks for; 0 means whatever the queue has
-- ARGV[3]  fallback  int   the number of shards of a queue that is new, if the producer does not care
-- ARGV[4]  profile   text  its defaults, as JSON with sorted keys
--
-- Replies
--   { "REGISTERED", profile, shards, paused, generation }
--   { "SHARDS", shards }    the queue has another number of shards
--   { "NEWER", format }     the queue was written by a newer release
--   { "TOO_MANY", count }   no more profiles fit
--
-- Cost O(1).
local meta = KEYS[1]
local shards, fallback, profile = ARGV[2], ARGV[3], ARGV[4]
local FORMAT, PROFILES_MAX, NUMBERS = "1", 10000, 16383

local _, nowUs = readClock(ARGV[1])
local known =
  redis.call("HMGET", meta, "format", "shards", "paused", "generation", "profiles", "number:" .. profile)
if known[1] and tonumber(known[1]) > tonumber(FORMAT) then
  return { "NEWER", known[1] }
end
if known[2] and shards ~= "0" and known[2] ~= shards then
  return { "SHARDS", known[2] }
end
if not known[1] then
  known[2] = shards == "0" and fallback or shards
  known[3] = "0"
  known[4] = whole(nowUs)
  redis.call("HSET", meta, "format", FORMAT, "shards", known[2], "paused", known[3], "generation", known[4])
end
local number = known[6]
if number then
  redis.call("HSET", meta, "number:" .. profile, number)
else
  local count = tonumber(known[5]) or 0
  if count >= PROFILES_MAX then
    return { "TOO_MANY", count }
  end
  number = tonumber(string.sub(redis.sha1hex(profile), 1, 4), 16) % NUMBERS + 1
  while redis.call("HEXISTS", meta, "profile:" .. number) == 1 do
    number = number % NUMBERS + 1
  end
  redis.call(
    "HSET",
    meta,
    "profiles",
    whole(count + 1),
    "profile:" .. number,
    profile,
    "number:" .. profile,
    whole(number)
  )
end
return { "REGISTERED", tostring(number), known[2], known[3], known[4] }
