import { expect, inject, test } from "vitest";
import type { LuaSource } from "../../src/store/lua.ts";
import * as scripts from "../../src/store/scripts.ts";
import { findFault } from "./property.ts";
import { replaceSource } from "./replace-source.ts";

/** Scripts with one mistake each, such as one makes. The model must find every one of them, or it proves nothing. */
const RUNS_MAX = 300;
/** Always the same runs, so that a mistake is found every time or never. */
const SEED = 1;
const LIMIT_MS = 300_000;

interface Mutant {
  readonly mistake: string;
  readonly script: { readonly source: LuaSource };
  readonly from: string;
  readonly to: string;
}

const MUTANTS: readonly Mutant[] = [
  {
    mistake: "settle does not ask for the fence",
    script: scripts.settle,
    from: "if lease and (lease == lastLease and fence == lastFence or holdsFence(lease, fence)) then",
    to: "if lease then",
  },
  {
    mistake: "settle does not remember its call",
    script: scripts.settle,
    from: "remember(calls, answers, callId, nowMs, #answer > 1 and answer)",
    to: "",
  },
  {
    mistake: "settle leaves the error of a task that is done",
    script: scripts.settle,
    from: 'redis.call("HDEL", errors, unpack(kept))',
    to: "",
  },
  {
    mistake: "settle uses no attempt for a failure",
    script: scripts.settle,
    from: "attempts = attempts + 1",
    to: "",
  },
  {
    mistake: "settle does not count a time-out",
    script: scripts.settle,
    from: 'countOne("timedOut")',
    to: "",
  },
  {
    mistake: "settle forgets that a task has expired",
    script: scripts.settle,
    from: "counted.expired = #expired",
    to: "",
  },
  {
    mistake: "settle leaves the attempts of a task that has expired",
    script: scripts.settle,
    from: "{ tasks, more, errors }",
    to: "{ tasks, errors }",
  },
  {
    mistake: "restore writes over what exists",
    script: scripts.restore,
    from: 'taken[id] or redis.call("HEXISTS", tasks, id) == 1',
    to: "taken[id]",
  },
  {
    mistake: "restore does not remember its call",
    script: scripts.restore,
    from: "remember(calls, answers, callId, nowMs, #answer > 1 and answer)",
    to: "",
  },
  {
    mistake: "extend does not ask for the fence",
    script: scripts.extend,
    from: "holdsFence(held[i], ARGV[ITEMS_AT + i * 2 - 1])",
    to: "held[i]",
  },
  {
    mistake: "cancel forgets `leased`",
    script: scripts.cancel,
    from: 'redis.call("ZREM", leased, id)',
    to: "",
  },
  {
    mistake: "cancel aborts unasked",
    script: scripts.cancel,
    from: '(place == "leased" and abort)',
    to: 'place == "leased"',
  },
  {
    mistake: "cancel forgets the runway",
    script: scripts.cancel,
    from: "takeOff(ready, levels[i], id)",
    to: "",
  },
  {
    mistake: "tick forgets `leased`",
    script: scripts.tick,
    from: 'redis.call("ZREM", leased, unpack(expiredLeases))',
    to: "",
  },
  {
    mistake: "tick obeys an old epoch",
    script: scripts.tick,
    from: "if last[1] ~= epoch then",
    to: "if not last[1] then",
  },
  {
    mistake: "tick counts no death",
    script: scripts.tick,
    from: "attempts + 1, deaths + 1",
    to: "attempts + 1, deaths",
  },
  {
    mistake: "tick forgets calls when it is not to tidy",
    script: scripts.tick,
    from: "if tidies then\n  local isMore",
    to: "if true then\n  local isMore",
  },
  {
    mistake: "tick forgets calls too early",
    script: scripts.tick,
    from: "local CALLS_KEPT_MS = 60000",
    to: "local CALLS_KEPT_MS = 6000",
  },
  {
    mistake: "claim starts tasks early",
    script: scripts.claim,
    from: '"-inf", whole(nowMs), "LIMIT", "0", limit',
    to: '"-inf", whole(nowMs + 1000), "LIMIT", "0", limit',
  },
  {
    mistake: "tick puts tasks on the runway early",
    script: scripts.tick,
    from: '"-inf", whole(nowMs), "LIMIT", "0", whole(room)',
    to: '"-inf", whole(nowMs + 1000), "LIMIT", "0", whole(room)',
  },
  {
    mistake: "claim takes low levels first",
    script: scripts.claim,
    from: "for i = 1, paused and 0 or #levels do\n  local level = string.byte(levels, i) - 48",
    to: "for i = 1, paused and 0 or #levels do\n  local level = string.byte(levels, #levels + 1 - i) - 48",
  },
  {
    mistake: "claim ignores a pause",
    script: scripts.claim,
    from: 'known[2] == "1"',
    to: "false",
  },
  {
    mistake: "claim takes a second batch when it is sent again",
    script: scripts.claim,
    from: "if calledAtMs then",
    to: "if false then",
  },
  {
    mistake: "claim takes a batch for a number that is old",
    script: scripts.claim,
    from: "if called and number < called[1] then",
    to: "if false then",
  },
  {
    mistake: "fences do not grow within one microsecond",
    script: scripts.claim,
    from: "math.max((tonumber(last) or 0) + 1, nowUs)",
    to: "nowUs",
  },
  {
    mistake: "epochs do not grow within one microsecond",
    script: scripts.takeShard,
    from: "math.max((tonumber(last) or 0) + 1, nowUs)",
    to: "nowUs",
  },
  {
    mistake: "take-shard compares no epoch",
    script: scripts.takeShard,
    from: 'if (current[1] or "0") ~= seenEpoch then',
    to: "if false then",
  },
  {
    mistake: "add overwrites a task of the same id",
    script: scripts.add,
    from: 'if existing[i] or (big and redis.call("HEXISTS", tasks, ids[i]) == 1) then',
    to: "if false then",
  },
  {
    mistake: "add forgets that it was called",
    script: scripts.add,
    from: "remember(calls, answers, callId, nowMs, #answer > 3 and answer)",
    to: "",
  },
  {
    mistake: "reschedule leaves the task on the runway",
    script: scripts.reschedule,
    from: "takeOff(ready, levels[i], id)",
    to: "",
  },
  {
    mistake: "reschedule moves to another level",
    script: scripts.reschedule,
    from: "addTo(batch, levels[i], dueAtMs, id)",
    to: "addTo(batch, 0, dueAtMs, id)",
  },
  {
    mistake: "requeue keeps the attempts",
    script: scripts.requeue,
    from: "packFacts(0, 0, nowMs)",
    to: "packFacts(1, 0, nowMs)",
  },
  {
    mistake: "update reaches a task that runs",
    script: scripts.update,
    from: 'place == "due" or place == "runway" or place == "dead"',
    to: 'place == "due" or place == "runway" or place == "dead" or place == "leased"',
  },
  {
    mistake: "purge counts done tasks a second time",
    script: scripts.purge,
    from: '(place == "dead" and 1 or 0)',
    to: "1",
  },
  {
    mistake: "run-now does not write the new due time down",
    script: scripts.runNow,
    from: 'writePairs("HSET", more, facts)',
    to: "",
  },
  {
    mistake: "run-now leaves the due time of a ready task that can expire",
    script: scripts.runNow,
    from: "isDelayed or isPending and isDueAnew(id)",
    to: "isDelayed",
  },
];

function mutate({ script, from, to }: Mutant): void {
  const { text } = script.source;
  const mutated = text.replace(from, () => to);
  expect(mutated, "the mutation has to hit").not.toBe(text);
  replaceSource(script, mutated);
}

for (const mutant of MUTANTS)
  test(
    `finds it when ${mutant.mistake}`,
    async () => {
      mutate(mutant);
      const fault = await findFault(inject("redisUrl"), {
        numRuns: RUNS_MAX,
        seed: SEED,
        endOnFailure: true,
      });
      expect(fault).toBeDefined();
    },
    LIMIT_MS,
  );
