import { add, addBulk } from "./add.js";
import { burst } from "./burst.js";
import { bytes } from "./bytes.js";
import { lag } from "./lag.js";
import { process } from "./process.js";
import { query } from "./query.js";

const RATES = [100, 1000, 5000];

/*
 * A row is one kind of work: `run({ engine, redis, scale })` does it once and returns its metrics by name. `hasFloor` says
 * that the bare pipeline can do it too, `isSteady` that one round is enough, `usesWorkers` that `run` takes how many worker
 * processes there are.
 */
export const ROWS = [
  addBulk,
  add,
  process,
  ...RATES.map((rate) => lag(rate)),
  ...RATES.map((rate) => lag(rate, 100)),
  burst,
  bytes,
  query,
];
