/**
 * The comparison of bench/run.js as users run it: with an AOF, over a network, with several worker processes.
 *
 *   npm run bench:variants [-- --only ROW,ROW --quick --json FILE]
 *
 * The network is a proxy that delays every answer, in the process that runs this; it costs both engines processor time too.
 */
import { ROWS } from "./rows/index.js";
import { readFlags, RUN_FLAGS, runOf } from "./support/flags.js";
import { report } from "./support/report.js";
import { variantOf } from "./support/variant.js";

const ADDING = ["add-bulk", "add"];
const RUNNING = ["process", "lag-100", "lag-1000"];

const VARIANTS = [
  { of: { aof: "everysec" }, names: [...ADDING, ...RUNNING] },
  { of: { aof: "always" }, names: [...ADDING, ...RUNNING] },
  { of: { networkMs: 1 }, names: [...ADDING, ...RUNNING] },
  { of: { workers: 2 }, names: RUNNING },
  { of: { workers: 8 }, names: RUNNING },
];

const all = ROWS.filter(({ name }) => [...ADDING, ...RUNNING].includes(name));
const { rows, ...options } = runOf(readFlags(RUN_FLAGS), all);
const runs = VARIANTS.map(({ of, names }) => ({
  variant: variantOf(of),
  rows: rows.filter(({ name }) => names.includes(name)),
}));
await report(
  runs.filter((run) => run.rows.length > 0),
  options,
);
