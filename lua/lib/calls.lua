-- The memory that makes a call safe to send twice: for 60 s a shard knows the ids of the calls that changed it. A call
-- that answered plainly (all yes) leaves its id alone; any other answer is kept beside it, packed.

local CALLS_KEPT_MS = 60000
-- For a shard that nobody ticks any more. Longer, since a test's clock may differ from Redis' own.
local CALLS_LEFT_MS = "120000"

local function answerOf(answers, callId)
  local answer = redis.call("HGET", answers, callId)
  return answer and cmsgpack.unpack(answer)
end

-- For a call that may be sent again: nil if it is new; else when it was made, and its answer unless that was the plain one.
-- A client may have confirmed it by replicas: WAIT waits for what its own connection wrote, so a repeat on another connection
-- must write too.
local function recall(calls, answers, callId)
  local atMs = redis.call("ZSCORE", calls, callId)
  if not atMs then
    return nil
  end
  redis.call("PEXPIRE", calls, CALLS_LEFT_MS)
  return tonumber(atMs), answerOf(answers, callId)
end

local function noteCall(calls, callId, nowMs)
  redis.call("ZADD", calls, whole(nowMs), callId)
  redis.call("PEXPIRE", calls, CALLS_LEFT_MS)
end

local function noteAnswer(calls, answers, callId, nowMs, answer)
  noteCall(calls, callId, nowMs)
  redis.call("HSET", answers, callId, cmsgpack.pack(answer))
  redis.call("PEXPIRE", answers, CALLS_LEFT_MS)
end

-- Each of these calls forgets two that are over, so the memory stays bounded with nobody ticking. Claims need not: those of a
-- worker take the place of one another.
local function remember(calls, answers, callId, nowMs, answer)
  local over = redis.call("ZRANGEBYSCORE", calls, "-inf", whole(nowMs - CALLS_KEPT_MS), "LIMIT", "0", "2")
  if #over > 0 then
    redis.call("ZREM", calls, unpack(over))
    redis.call("HDEL", answers, unpack(over))
  end
  if answer then
    noteAnswer(calls, answers, callId, nowMs, answer)
  else
    noteCall(calls, callId, nowMs)
  end
end
