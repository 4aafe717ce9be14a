import { idle, standby } from "./idle.js";
import { addBulkCalls, processCalls } from "./saturation.js";
import { sparse } from "./sparse.js";

const IDLE_WORKERS = [1, 8, 50];
const IDLE_QUEUES = [1, 200];

/** What delayq asks of Redis, row by row, of the same shape as bench/rows. */
export const COST_ROWS = [
  addBulkCalls,
  processCalls,
  ...IDLE_WORKERS.map((count) => sparse(count)),
  ...IDLE_QUEUES.map((count) => idle(count)),
  standby,
];
