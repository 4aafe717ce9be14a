/**
 * What metrics cost: the tasks a second that a worker runs with them and without, in turns, each on an empty Redis; with them
 * somebody scrapes every second, more often than any Prometheus does. Exits 1 if less than 90 % is left.
 *
 *   npm run bench:metrics [-- --rounds 5 --quick --json FILE]
 */
import { process as row } from "./rows/process.js";
import { BenchRedis } from "./support/bench-redis.js";
import { number, readFlags } from "./support/flags.js";
import { machine, machineLine } from "./support/machine.js";
import { writeJson } from "./support/report.js";
import { FULL, QUICK } from "./support/scale.js";
import { median } from "./support/statistics.js";

const SHARE_MIN = 0.9;

const flags = readFlags({
  rounds: { type: "string", default: "5" },
  quick: { type: "boolean", default: false },
  json: { type: "string" },
});
const rounds = number("rounds", flags.rounds);
const scale = flags.quick ? QUICK : FULL;
const redis = await BenchRedis.start();
try {
  const seen = { without: [], with: [] };
  for (let round = 1; round <= rounds; round++) {
    // The one that comes first has another one's caches: so they take turns.
    for (const how of round % 2 === 0 ? ["without", "with"] : ["with", "without"]) {
      await redis.flush();
      const open = { hasMetrics: how === "with" };
      const { process: rate } = await row.run({ engine: "delayq", redis, scale, open });
      seen[how].push(rate);
      console.error(`round ${round} ${how} metrics: ${Math.round(rate)}`);
    }
  }
  const shares = seen.with.map((rate, i) => rate / seen.without[i]);
  const result = {
    with: median(seen.with),
    without: median(seen.without),
    share: median(seen.with) / median(seen.without),
    shares,
  };
  console.log(machineLine(machine(redis)));
  console.log(
    `process: ${Math.round(result.with)} tasks/s with metrics, ${Math.round(result.without)} without: ${(100 * result.share).toFixed(1)} % (of each round: ${shares.map((share) => (100 * share).toFixed(1)).join(", ")})`,
  );
  if (flags.json !== undefined) writeJson(flags.json, { machine: machine(redis), rounds, ...result });
  if (result.share < SHARE_MIN) process.exitCode = 1;
} finally {
  await redis.stop();
}
