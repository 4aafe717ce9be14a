/**
 * Measures what tasks, and idle workers, cost in calls and in processor time; beside BullMQ.
 *
 *   npm run bench:cost [-- --only ROW,ROW --quick --json FILE]
 *
 * A call is a command that a client sends: what a script does within Redis is one call.
 */
import { COST_ROWS } from "./cost/index.js";
import { readFlags, RUN_FLAGS, runOf } from "./support/flags.js";
import { report } from "./support/report.js";
import { PLAIN } from "./support/variant.js";

const { rows, ...options } = runOf(readFlags(RUN_FLAGS), COST_ROWS);
await report([{ variant: PLAIN, rows }], options);
