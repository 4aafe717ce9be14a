import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/*
 * Mistakes as one makes them, each with the scenario that must find it, and as what (`finds`). If one is not caught the harness has a hole: the
 * workload does not do what would show it, or the checker does not look.
 */
export const MUTATIONS = [
  {
    name: "settle-without-fence",
    scenario: "worker-stop",
    finds: ["settled under a lost lease"],
    edits: [
      { file: "lua/lib/lease.lua", from: 'string.sub(lease, 1, #fence + 1) == fence .. " "', to: "true" },
    ],
  },
  {
    name: "reap-forgets-record",
    scenario: "worker-kill",
    finds: ["noRecord", "stray"],
    edits: [
      {
        file: "lua/tick.lua",
        from: 'redis.call("HDEL", leases, unpack(expiredLeases))',
        to: 'redis.call("HDEL", leases, unpack(expiredLeases))\n  redis.call("HDEL", tasks, unpack(expiredLeases))',
      },
    ],
  },
  {
    name: "reap-forgets-place",
    scenario: "worker-kill",
    finds: ["noPlace"],
    edits: [{ file: "lua/tick.lua", from: "putDue(due, nowMs, batch)", to: "" }],
  },
  {
    name: "add-overwrites",
    scenario: "script-flush",
    finds: ["counters", "twoPlaces"],
    edits: [
      {
        file: "lua/add.lua",
        from: 'if existing[i] or (big and redis.call("HEXISTS", tasks, ids[i]) == 1) then',
        to: "if false then",
      },
    ],
  },
  {
    name: "claim-takes-second-batch",
    scenario: "reply-lost",
    finds: ["counters and logs differ"],
    edits: [{ file: "lua/claim.lua", from: "if calledAtMs then", to: "if false then" }],
  },
  {
    name: "fill-keeps-due",
    scenario: "script-flush",
    finds: ["twoPlaces", "counters"],
    edits: [
      {
        file: "lua/lib/runway.lua",
        from: 'redis.call("ZREMRANGEBYRANK", due[level + 1], "0", whole(#ids - 1))',
        to: "",
      },
    ],
  },
  {
    name: "fill-too-early",
    scenario: "script-flush",
    finds: ["early"],
    edits: [
      {
        file: "lua/lib/runway.lua",
        from: '"-inf", whole(nowMs), "LIMIT", "0", whole(room)',
        to: '"-inf", whole(nowMs + 20), "LIMIT", "0", whole(room)',
      },
    ],
  },
  {
    name: "hint-is-trusted",
    scenario: "pubsub-cut",
    finds: ["stuck", "slow"],
    edits: [
      {
        file: "dist/runtime/slow-poll.js",
        from: "return waitMs * (1 - JITTER * Math.random());",
        to: "return canHear ? Number.POSITIVE_INFINITY : waitMs * (1 - JITTER * Math.random());",
      },
    ],
  },
  {
    name: "release-uses-attempt",
    scenario: "rolling-deploy",
    finds: ["counters and logs differ"],
    edits: [
      { file: "lua/settle.lua", from: '~= "release" and', to: '~= "" and' },
      { file: "lua/settle.lua", from: '~= "release" then', to: '~= "" then' },
    ],
  },
  {
    name: "fence-expires",
    scenario: "script-flush",
    finds: ["fence backwards"],
    edits: [
      {
        file: "lua/claim.lua",
        from: "local fence = whole(nextNumber(last[1], nowUs))",
        to: 'local fence = whole((tonumber(redis.call("GET", seq .. ":fence")) or 0) + 1)',
      },
      {
        file: "lua/claim.lua",
        from: 'redis.call("HSET", seq, "fence", fence)',
        to: 'redis.call("SET", seq .. ":fence", fence, "PX", 1000)',
      },
      {
        file: "lua/claim.lua",
        from: 'redis.call("HSET", seq, "fence", fence, "looksAt", endMs)',
        to: 'redis.call("SET", seq .. ":fence", fence, "PX", 1000)',
      },
    ],
  },
  {
    name: "reschedule-keeps-score",
    scenario: "script-flush",
    finds: ["early"],
    edits: [
      {
        file: "lua/reschedule.lua",
        from: "addTo(batch, levels[i], dueAtMs, id)",
        to: 'addTo(batch, levels[i], select(3, factsOf(redis.call("HGET", tasks, id))), id)',
      },
    ],
  },
  {
    name: "requeue-keeps-attempts",
    scenario: "script-flush",
    finds: ["counters and logs differ"],
    edits: [
      {
        file: "lua/requeue.lua",
        from: "packFacts(0, 0, nowMs)",
        to: 'packFacts((usesOf(redis.call("HGET", more, id))), 0, nowMs)',
      },
    ],
  },
  {
    name: "pause-misses-shard",
    scenario: "script-flush",
    finds: ["started while paused"],
    edits: [
      {
        file: "lua/copy-ctl.lua",
        from: '"paused", paused)',
        to: '"paused", string.find(ctl, ":0:", 1, true) and "0" or paused)',
      },
    ],
  },
  {
    name: "confirms-without-replicas",
    scenario: "replica-loss",
    finds: ["fault did not strike"],
    edits: [
      {
        file: "dist/store/confirmed-lane.js",
        from: "if (confirmed >= replicas) {",
        to: "if (true) {",
      },
    ],
  },
  {
    name: "unanswered-wait-confirms",
    scenario: "sentinel-kill",
    finds: ["lost"],
    edits: [
      {
        file: "dist/store/confirmed-lane.js",
        from: 'acks.status === "fulfilled" ? Number(acks.value) : 0',
        to: 'acks.status === "fulfilled" ? Number(acks.value) : 9',
      },
    ],
  },
  {
    name: "wait-goes-first",
    scenario: "sentinel-kill",
    finds: ["lost"],
    edits: [
      {
        file: "dist/store/confirmed-lane.js",
        from: 'const wait = new Command("wait", [String(group[0]?.confirmation.replicas), String(waitMs)]);',
        to: "",
      },
      { file: "dist/store/confirmed-lane.js", from: "const acks = client.sendCommand(wait);", to: "" },
      {
        file: "dist/store/confirmed-lane.js",
        from: "const calls = group.map(",
        to: `const wait = new Command("wait", [String(group[0].confirmation.replicas), String(waitMs)]);
        const acks = client.sendCommand(wait);
        const calls = group.map(`,
      },
    ],
  },
  {
    name: "fence-forgets-time",
    scenario: "sentinel-kill-async",
    finds: ["fence backwards"],
    edits: [
      {
        file: "lua/claim.lua",
        from: "local fence = whole(nextNumber(last[1], nowUs))",
        to: "local fence = whole((tonumber(last[1]) or 1000) + 1)",
      },
    ],
  },
  {
    name: "run-now-waits",
    scenario: "script-flush",
    finds: ["slow", "stuck"],
    edits: [
      {
        file: "lua/run-now.lua",
        from: "addTo(batch, levels[i], nowMs, id)",
        to: "addTo(batch, levels[i], scores[i], id)",
      },
    ],
  },
];

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Copies the engine into a folder, with a mutation. Returns what processes are to import.
 *
 * @throws Error if the text to replace is not there, once: then the mutation has to be written anew.
 */
export function mutatedEngine({ name, edits }, folder) {
  mkdirSync(folder, { recursive: true });
  for (const part of ["dist", "lua", "package.json"])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  for (const { file, from, to } of edits) {
    const path = join(folder, file);
    const parts = readFileSync(path, "utf8").split(from);
    if (parts.length !== 2)
      throw new Error(
        `Expected ${name} to find its text once in ${file}, found it ${parts.length - 1} times: ${from}`,
      );
    writeFileSync(path, parts.join(to));
  }
  return pathToFileURL(join(folder, "dist", "index.js")).href;
}
