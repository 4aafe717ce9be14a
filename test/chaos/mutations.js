import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/*
 * Mistakes as one makes them, each with the scenario that must find it. If one is not caught the harness has a hole: the
 * workload does not do what would show it, or the checker does not look.
 */
export const MUTATIONS = [
  {
    name: "settle-without-fence",
    scenario: "worker-stop",
    edits: [{ file: "lua/settle.lua", from: "not holdsFence(held[i], item.fence)", to: "not held[i]" }],
  },
  {
    name: "reap-forgets-record",
    scenario: "worker-kill",
    edits: [
      {
        file: "lua/tick.lua",
        from: 'redis.call("HDEL", leases, unpack(expired))',
        to: 'redis.call("HDEL", leases, unpack(expired))\n  redis.call("HDEL", tasks, unpack(expired))',
      },
    ],
  },
  {
    name: "reap-forgets-place",
    scenario: "worker-kill",
    edits: [{ file: "lua/tick.lua", from: "putDue(due, nowMs, batch)", to: "" }],
  },
  {
    name: "add-overwrites",
    scenario: "script-flush",
    edits: [{ file: "lua/add.lua", from: "if existing[i] or seen[id] then", to: "if seen[id] then" }],
  },
  {
    name: "claim-takes-second-batch",
    scenario: "reply-lost",
    edits: [{ file: "lua/claim.lua", from: "if called and number == called[1] then", to: "if false then" }],
  },
  {
    name: "fill-keeps-due",
    scenario: "script-flush",
    edits: [
      {
        file: "lua/lib/runway.lua",
        from: 'redis.call("ZREMRANGEBYRANK", due[level + 1], 0, #ids - 1)',
        to: "",
      },
    ],
  },
  {
    name: "fill-too-early",
    scenario: "script-flush",
    edits: [
      {
        file: "lua/lib/runway.lua",
        from: '"-inf", nowMs, "LIMIT", 0, room',
        to: '"-inf", nowMs + 20, "LIMIT", 0, room',
      },
    ],
  },
  {
    name: "hint-is-trusted",
    scenario: "pubsub-cut",
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
    edits: [
      {
        file: "lua/settle.lua",
        from: 'if item.outcome ~= "release" then',
        to: 'if item.outcome == "release" then\n        attempts = attempts + 1\n      end\n      if true then',
      },
    ],
  },
  {
    name: "fence-expires",
    scenario: "script-flush",
    edits: [
      {
        file: "lua/claim.lua",
        from: 'local fence = whole(nextNumber(redis.call("HGET", seq, "fence"), nowUs))',
        to: 'local fence = whole((tonumber(redis.call("GET", seq .. ":fence")) or 0) + 1)',
      },
      {
        file: "lua/claim.lua",
        from: 'redis.call("HSET", seq, "fence", fence)',
        to: 'redis.call("SET", seq .. ":fence", fence, "PX", 1000)',
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
