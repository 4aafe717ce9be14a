-- The answer of a change of tasks by their ids: what came of each, words with spaces between. It is the plain one when each
-- had the same outcome, which the caller names, so that most calls leave no more than their id in the memory of calls.

local function plainOutcomes(plain, count)
  return string.rep(plain .. " ", count - 1) .. plain
end

-- nil for a call that is new; else what it answered.
local function recallOutcomes(calls, answers, callId, plain, count)
  local calledAtMs, text = recall(calls, answers, callId)
  return calledAtMs and (text or plainOutcomes(plain, count))
end

-- Returns what the call answers.
local function rememberOutcomes(calls, answers, callId, nowMs, plain, outcomes)
  local text = table.concat(outcomes, " ")
  remember(calls, answers, callId, nowMs, text ~= plainOutcomes(plain, #outcomes) and text)
  return text
end
