/*
 * How soon work must go on, in one place. `marginMs` is added to each: nothing where the promises are measured, much in the
 * short form, which has to hold on a machine that does other things as well.
 */
export const MARGIN_MS = { full: 0, short: 2500 };

/** The first start of what a worker held, after it died. */
export const afterWorker = (leaseMs) => leaseMs + 1000;
/** The first start in each shard, after its scheduler died. */
export const AFTER_SCHEDULER_MS = 4000;
/** The lag p99 of tasks that become due without their scheduler. */
export const LAG_WITHOUT_SCHEDULER_MS = 2000;
/** The first start, after Redis is back with its data. */
export const AFTER_REDIS_MS = 2000;
/** The first start after a master's death, or after it was frozen; with a silence of 2 s before it counts as down. */
export const AFTER_SENTINEL_KILL_MS = 5000;
export const AFTER_SENTINEL_STOP_MS = 8000;
export const AFTER_CLUSTER_KILL_MS = 6000;
export const AFTER_CLUSTER_STOP_MS = 8000;
/** The lag of each task that nothing disturbed. */
export const LAG_MAX_MS = 2000;
/** Any call of one task: what callers are promised, 10 s, and a second. */
export const CALL_MAX_MS = 11_000;
/** What of the asked load must have been acknowledged, so that a run says something. */
export const LOAD_SHARE_MIN = 0.5;

/** For how long after the end of a fault a task may be late: some wait for the leases of those that were struck. */
export function aftermathMs(kind, leaseMs) {
  return ["worker", "redis-away", "failover"].includes(kind) ? leaseMs + 1000 : 1000;
}
