/**
 * Says in two or three minutes whether a change made delayq worse in what can be measured steadily: calls and bytes a task, calls of
 * idle queues, and how far throughput is ahead of BullMQ's in the same run. Lag is shown, for it depends on what else the
 * machine does. Exits 1 if something is worse than it may be.
 *
 *   npm run bench:gate [-- --json FILE]
 */
import { COST_ROWS } from "./cost/index.js";
import { GATED, GATED_SHARE, metric } from "./goals.js";
import { ROWS } from "./rows/index.js";
import { BenchRedis } from "./support/bench-redis.js";
import { compare } from "./support/comparison.js";
import { readFlags } from "./support/flags.js";
import { machine, machineLine } from "./support/machine.js";
import { writeJson } from "./support/report.js";
import { SHORT } from "./support/scale.js";
import { short, textTable } from "./support/table.js";

const AGAINST_PEER = ["add-bulk", "add", "process", "query"];
const ALONE = ["bytes", "add-bulk-calls", "process-calls", "sparse-8-calls"];
const SHOWN = ["lag-1000"];
/** They only wait, so they can wait at the same time. */
const TOGETHER = ["idle-1-calls", "idle-200-calls"];

const flags = readFlags({ json: { type: "string" } });
const redis = await BenchRedis.start();
try {
  const about = machine(redis);
  const results = await measure();
  const verdicts = results.map((result) => judge(result));
  console.log(machineLine(about));
  console.log(
    textTable(
      ["row", "unit", "expected", "came", ""],
      verdicts.map(({ name, unit, expected, came, verdict }) => [name, unit, expected, came, verdict]),
    ),
  );
  if (flags.json !== undefined) {
    writeJson(flags.json, { machine: about, settings: { scale: SHORT }, rows: results, verdicts });
  }
  if (verdicts.some(({ verdict }) => verdict === "FAILED")) process.exitCode = 1;
} finally {
  await redis.stop();
}

async function measure() {
  const all = [...ROWS, ...COST_ROWS];
  const row = (name) => all.find((one) => one.name === name);
  const results = [];
  for (const name of AGAINST_PEER) {
    results.push(...(await compare({ ...row(name), hasFloor: false }, { redis, scale: SHORT })));
  }
  const alone = [...ALONE, ...SHOWN].map((name) => row(name));
  const together = {
    name: TOGETHER.join("+"),
    run: async (context) => {
      const metrics = await Promise.all(TOGETHER.map(async (name) => await row(name).run(context)));
      return { ...Object.assign({}, ...metrics), remark: metrics.map(({ remark }) => remark).join("; ") };
    },
  };
  for (const one of [...alone, together]) {
    results.push(...(await compare({ ...one, engines: ["delayq"] }, { redis, scale: SHORT })));
  }
  return results;
}

function judge({ name, delayq, ratio }) {
  const { unit, must } = metric(name);
  if (!GATED.includes(name)) return { name, unit, expected: "", came: short(delayq), verdict: "" };
  if (ratio !== null) {
    const least = must.ratio * GATED_SHARE;
    const verdict = ratio >= least ? "ok" : "FAILED";
    return { name, unit: "x BullMQ", expected: `at least ${least}`, came: ratio.toFixed(2), verdict };
  }
  const verdict = delayq <= must.value ? "ok" : "FAILED";
  return { name, unit, expected: `at most ${must.value}`, came: short(delayq), verdict };
}
