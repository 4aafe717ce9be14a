/**
 * Tries the command line as a new user would, on a queue with very many tasks: how soon each command says something, how long
 * Redis is busy with each script meanwhile, and whether what was interrupted is whole and can be done again.
 *
 *   npm run bench:cli [-- --tasks 1000000 --dead 100000 --only "dead requeue" --json FILE]
 *
 * Only Redis' own time counts for scripts, but on a machine that does other things Redis may be kept waiting within it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeBackup, writeTasks } from "./cli/task-files.js";
import { runCommand } from "./cli/command-run.js";
import { STEPS } from "./cli/steps.js";
import { scriptTable } from "./stalls/script-table.js";
import { ScriptTimes } from "./stalls/script-times.js";
import { CLI_GOALS, STALL_GOALS } from "./goals.js";
import { BenchRedis } from "./support/bench-redis.js";
import { number, readFlags } from "./support/flags.js";
import { machine, machineLine } from "./support/machine.js";
import { writeJson } from "./support/report.js";
import { short, textTable } from "./support/table.js";

const flags = readFlags({
  tasks: { type: "string", default: "1000000" },
  dead: { type: "string", default: "100000" },
  only: { type: "string", default: "" },
  json: { type: "string" },
});
const tasks = number("tasks", flags.tasks);
const dead = number("dead", flags.dead);
const ready = Math.ceil(tasks / 50);

const folder = mkdtempSync(join(tmpdir(), "delayq-bench-cli-"));
const redis = await BenchRedis.start();
try {
  const about = machine(redis);
  const [big, second, third] = ["big", "second", "third"].map((name) => join(folder, `${name}.ndjson`));
  const given = { big, second, third, last: `task-${tasks - 1}` };
  await writeBackup(big, { queue: "big", delayed: tasks - ready - dead, ready, dead });
  await writeBackup(second, { queue: "second", delayed: 0, ready: 0, dead });
  await writeTasks(third, dead);
  const callsFile = join(folder, "calls.json");
  const times = new ScriptTimes(redis);
  const runs = [];
  const all = [];
  const preemptionsBefore = await redis.preemptions();
  const isWanted = (line) => line.startsWith("import ") || line.startsWith(flags.only);
  for (const step of STEPS.filter(({ args }) => isWanted(args.join(" ")))) {
    console.error(`delayq ${step.args.join(" ")} ...`);
    const args = step.args.map((word) => (word.startsWith("@") ? given[word.slice(1)] : word));
    await times.start();
    const run = await runCommand(args, { url: redis.url, callsFile, ...step });
    const { scripts } = await times.stop([run.calls]);
    all.push(...scripts);
    runs.push(judgedRun(step, run, scripts));
  }
  const preemptions = (await redis.preemptions()) - preemptionsBefore;
  const scripts = summed(all).map(judged);
  console.log(machineLine(about));
  console.log(commandTable(runs));
  console.log(scriptTable(scripts));
  console.log(`Redis had to wait for a processor ${preemptions} times`);
  if (flags.json !== undefined) {
    const goals = { ...CLI_GOALS, ...STALL_GOALS };
    writeJson(flags.json, { machine: about, settings: { tasks, dead }, goals, preemptions, runs, scripts });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
  await redis.stop();
}

function judgedRun({ args, isStream, code = 0, check, interruptAfterMs, endsInMs }, run, scripts) {
  const wrong = run.code === code ? check?.(run, { tasks, ready, dead }) : `exit code ${run.code}`;
  if (wrong) console.error(`!! ${wrong}\n${run.stderr}`);
  const isSoon = interruptAfterMs !== undefined || isStream === false || run.firstMs <= CLI_GOALS.firstMs;
  const isQuick = endsInMs === undefined || run.ms <= endsInMs;
  return {
    command: args.join(" "),
    firstMs: run.firstMs,
    ms: run.ms,
    code: run.code,
    calls: scripts.reduce((sum, { calls }) => sum + calls, 0),
    longest: scripts.toSorted((a, b) => b.maxMs - a.maxMs)[0] ?? null,
    isMet: !wrong && isSoon && isQuick,
    ...(wrong && { wrong }),
  };
}

/** Of all commands together, by script. */
function summed(all) {
  const sums = new Map();
  for (const { name, calls, meanMs, slow, maxMs } of all) {
    const sum = sums.get(name) ?? { name, calls: 0, ms: 0, slow: 0, maxMs: 0 };
    sum.calls += calls;
    sum.ms += meanMs * calls;
    sum.slow += slow;
    sum.maxMs = Math.max(sum.maxMs, maxMs);
    sums.set(name, sum);
  }
  return [...sums.values()].map(({ ms, ...sum }) => ({ ...sum, meanMs: ms / sum.calls }));
}

function judged(script) {
  const { calls, meanMs, slow, maxMs } = script;
  const { meanMaxMs, slowShareMax, maxMaxMs } = STALL_GOALS;
  // Of few calls one that was held up is no share.
  const isSlowRare = slow <= Math.max(1, slowShareMax * calls);
  return { ...script, isMet: meanMs <= meanMaxMs && isSlowRare && maxMs <= maxMaxMs };
}

function commandTable(runs) {
  const head = ["delayq", "first word, ms", "end, s", "exit", "calls", "longest call, ms", ""];
  const rows = runs.map(({ command, firstMs, ms, code, calls, longest, isMet }) => [
    command,
    short(firstMs),
    short(ms / 1000),
    code,
    calls,
    longest === null ? "" : `${short(longest.maxMs)} ${longest.name}`,
    isMet ? "met" : "MISSED",
  ]);
  return textTable(head, rows);
}
