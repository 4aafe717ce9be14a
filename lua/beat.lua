-- beat: a scheduler or worker says that it lives, and hears who else does.
--
-- One step, so that all see the same members in the same generation. Whoever missed its time is taken out by the next
-- that beats. A beat of ttl 0 is a farewell. Each change is told on the channel named like the key.
--
-- flags: allow-oom
-- include lib/clock lib/wake
--
-- KEYS[1]  members     zset  member id scored by when it counts as dead (ms)
-- KEYS[2]  facts       hash  member id -> facts, JSON; "generation" -> grows with each change
--
-- ARGV[1]  nowMs       int   0 means Redis TIME
-- ARGV[2]  member      text
-- ARGV[3]  ttlMs       int
-- ARGV[4]  memberFacts text  JSON
-- ARGV[5]  generation  int   the one that the caller knows; 0 for none
--
-- Replies
--   { "SAME" }                                 nothing has changed since that generation
--   { "MEMBERS", generation, id, facts... }    who lives now
--
-- Cost O(log N); O(N) after a change.
local members, facts = KEYS[1], KEYS[2]
local member, ttlMs, memberFacts, generation = ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local TTL_MAX_MS = 60000

local nowMs = readClock(ARGV[1])
local dead = redis.call("ZRANGEBYSCORE", members, "-inf", whole(nowMs), "LIMIT", "0", "100")
if #dead == 0 then
  dead = redis.call("ZRANGEBYSCORE", members, "(" .. whole(nowMs + TTL_MAX_MS), "+inf", "LIMIT", "0", "100")
end
local isChanged = false
for _, id in ipairs(dead) do
  if id ~= member then
    redis.call("ZREM", members, id)
    redis.call("HDEL", facts, id)
    isChanged = true
  end
end
if ttlMs == 0 then
  redis.call("ZREM", members, member)
  isChanged = redis.call("HDEL", facts, member) == 1 or isChanged
else
  redis.call("ZADD", members, whole(nowMs + ttlMs), member)
  if redis.call("HGET", facts, member) ~= memberFacts then
    redis.call("HSET", facts, member, memberFacts)
    isChanged = true
  end
end
if isChanged then
  redis.call("HINCRBY", facts, "generation", "1")
  publish(members, "")
end
local current = redis.call("HGET", facts, "generation") or "0"
if current == generation then
  return { "SAME" }
end
local answer = { "MEMBERS", current }
local all = redis.call("HGETALL", facts)
for i = 1, #all, 2 do
  if all[i] ~= "generation" then
    answer[#answer + 1] = all[i]
    answer[#answer + 1] = all[i + 1]
  end
end
return answer
