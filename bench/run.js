/**
 * Measures delayq beside BullMQ, in turns on the same private Redis, and beside the bare cost of the same payloads.
 *
 *   npm run bench [-- --only ROW,ROW --quick --json FILE --aof everysec|always --network-ms N --workers 1,2,8]
 *
 * bench/goals.js says what is to be reached, bench/rows how each row is measured, bench/engines with which settings. Several
 * numbers of worker processes run the rows that have workers once for each.
 */
import { ROWS } from "./rows/index.js";
import { chosen, number, numbers, readFlags, RUN_FLAGS, runOf } from "./support/flags.js";
import { report } from "./support/report.js";
import { AOF_MODES, variantOf } from "./support/variant.js";

const flags = readFlags({
  ...RUN_FLAGS,
  aof: { type: "string" },
  "network-ms": { type: "string" },
  workers: { type: "string", default: "1" },
});
const { rows, ...options } = runOf(flags, ROWS);
const [aof] = flags.aof === undefined ? [] : chosen("aof", flags.aof, AOF_MODES);
const networkMs = flags["network-ms"] === undefined ? 0 : number("network-ms", flags["network-ms"]);

const runs = numbers("workers", flags.workers).map((workers, i) => ({
  variant: variantOf({ aof, networkMs, workers }),
  rows: i === 0 ? rows : rows.filter(({ usesWorkers }) => usesWorkers),
}));
await report(runs, options);
