/**
 * Looks for scripts that keep Redis busy for too long, through everything that is large: adding, listing, changing,
 * obliterating, large payloads, a purge, and very many tasks due at once, beside which others must still start in time.
 *
 *   npm run bench:stalls [-- --tasks 1000000 --payloads 10000 --json FILE]
 *
 * Only Redis' own time counts, but on a machine that does other things Redis may be kept waiting within it.
 */
import { STALL_GOALS } from "./goals.js";
import { BenchRedis } from "./support/bench-redis.js";
import { number, readFlags } from "./support/flags.js";
import { machine, machineLine } from "./support/machine.js";
import { writeJson } from "./support/report.js";
import { short, textTable } from "./support/table.js";
import { runPhase } from "./stalls/phase-run.js";
import { PHASES } from "./stalls/phases.js";
import { scriptTable } from "./stalls/script-table.js";

const flags = readFlags({
  tasks: { type: "string", default: "1000000" },
  payloads: { type: "string", default: "10000" },
  json: { type: "string" },
});
const amounts = { tasks: number("tasks", flags.tasks), payloads: number("payloads", flags.payloads) };

const redis = await BenchRedis.start();
try {
  const about = machine(redis);
  const phases = [];
  for (const phase of PHASES) {
    console.error(`${phase.name} ...`);
    phases.push(await runPhase(phase, { redis, ...amounts }));
  }
  const scripts = phases.flatMap(({ phase, scripts: all }) => all.map((one) => ({ phase, ...judged(one) })));
  const lags = phases.flatMap(({ lags: all }) =>
    Object.entries(all).map(([name, p99Ms]) => ({ name, p99Ms, isMet: p99Ms <= STALL_GOALS.lagP99Ms })),
  );
  console.log(machineLine(about));
  console.log(scriptTable(scripts));
  console.log(lagTable(lags));
  for (const { phase, preemptions, isLogFull } of phases) {
    console.log(`${phase}: Redis had to wait for a processor ${preemptions} times`);
    if (isLogFull) console.log(`!! ${phase}: the slow log was full, the means may be higher`);
  }
  if (flags.json !== undefined) {
    const preemptions = Object.fromEntries(phases.map((one) => [one.phase, one.preemptions]));
    writeJson(flags.json, {
      machine: about,
      settings: amounts,
      goals: STALL_GOALS,
      preemptions,
      scripts,
      lags,
    });
  }
} finally {
  await redis.stop();
}

function judged(script) {
  const { calls, meanMs, slow, maxMs } = script;
  const { meanMaxMs, slowShareMax, maxMaxMs } = STALL_GOALS;
  const isMet = meanMs <= meanMaxMs && slow / calls <= slowShareMax && maxMs <= maxMaxMs;
  return { ...script, isMet };
}

function lagTable(lags) {
  const rows = lags.map(({ name, p99Ms, isMet }) => [name, short(p99Ms), isMet ? "met" : "MISSED"]);
  return textTable(["while all are due at once", `lag p99 (goal ${STALL_GOALS.lagP99Ms} ms)`, ""], rows);
}
