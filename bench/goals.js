/*
 * What is measured: each metric's unit, which way is better, and what delayq is to reach.
 *
 *   must   without it the figure counts as missed       ratio   against BullMQ in the same run; above 1 delayq is ahead
 *   aim    what we want                                 value   delayq's own figure
 *                                                       floorRatio  against the bare pipeline
 */
const METRICS = {
  "add-bulk": {
    unit: "tasks/s",
    isMoreBetter: true,
    must: { ratio: 5, floorRatio: 1.5 },
    aim: { ratio: 7, floorRatio: 1.5 },
  },
  add: { unit: "tasks/s", isMoreBetter: true, must: { ratio: 3 }, aim: { ratio: 3.5 } },
  process: { unit: "tasks/s", isMoreBetter: true, must: { ratio: 6 }, aim: { ratio: 8 } },
  burst: { unit: "s", isMoreBetter: false, must: { value: 0.6, ratio: 3.5 }, aim: { value: 0.35 } },
  bytes: { unit: "B/task", isMoreBetter: false, must: { value: 400 }, aim: { value: 370 } },
  query: { unit: "calls/s", isMoreBetter: true, must: { ratio: 2 }, aim: { ratio: 3 } },
  "add-bulk-calls": { unit: "calls/task", isMoreBetter: false, ...both(0.02) },
  "process-calls": { unit: "calls/task", isMoreBetter: false, ...both(0.05) },
  "process-commands": { unit: "commands/task", isMoreBetter: false },
  "process-redis-time": { unit: "us/task", isMoreBetter: false },
  "sparse-1-calls": { unit: "calls/task", isMoreBetter: false },
  "sparse-8-calls": { unit: "calls/task", isMoreBetter: false, ...both(5) },
  "sparse-50-calls": { unit: "calls/task", isMoreBetter: false, ...both(8) },
  "idle-1-calls": { unit: "calls/s", isMoreBetter: false, ...both(5) },
  "idle-1-standby-calls": { unit: "calls/s", isMoreBetter: false, ...both(5) },
  "idle-1-standby-added": { unit: "calls/s", isMoreBetter: false, ...both(0.5) },
  "idle-200-calls": { unit: "calls/s", isMoreBetter: false, ...both(200) },
  "idle-1-cpu": { unit: "% of a core", isMoreBetter: false },
  "idle-200-cpu": { unit: "% of a core", isMoreBetter: false },
};

/** Which metrics a change must not spoil; a throughput's ratio need only be this share of its goal, for machines are noisy. */
export const GATED = [
  "add-bulk",
  "add",
  "process",
  "query",
  "bytes",
  "add-bulk-calls",
  "process-calls",
  "sparse-8-calls",
  "idle-1-calls",
  "idle-200-calls",
];
export const GATED_SHARE = 0.5;

/** For every script, and for what falls due while a million other tasks do. */
export const STALL_GOALS = { meanMaxMs: 1, slowShareMax: 0.001, maxMaxMs: 20, lagP99Ms: 100 };

/** For commands on a queue with very many tasks: something to read within that, and 100,000 dead tasks brought back. */
export const CLI_GOALS = { firstMs: 1000, requeueMs: 10_000 };

/** How much of each figure of a small queue is to be left when very many tasks are pending. */
export const GROWTH_GOALS = {
  addPerSecond: { title: "adding", isMoreBetter: true, shareMin: 0.55 },
  processPerSecond: { title: "running", isMoreBetter: true, shareMin: 0.8 },
  lagP50Ms: { title: "lag p50", isMoreBetter: false, shareMin: 0.8 },
  lagP99Ms: { title: "lag p99", isMoreBetter: false, shareMin: 0.8 },
};

const LAG_GOALS = {
  p50: { must: { value: 2, ratio: 12 }, aim: { value: 1, ratio: 12 } },
  p99: { must: { value: 6, ratio: 15 }, aim: { value: 4, ratio: 15 } },
};

/** @param name such as "process", "lag-1000 p99", "lag-1000 lead-in p99" or "lag-100-hz100 max" */
export function metric(name) {
  if (name in METRICS) return METRICS[name];
  const [row, ...summary] = name.split(" "); // a lag
  // With a quicker clock Redis serves the peer better: shown, but the goals are for Redis as it comes.
  const goals = row.endsWith("-hz100") ? {} : LAG_GOALS[summary.join(" ")];
  return { unit: "ms", isMoreBetter: false, ...goals };
}

function both(value) {
  return { must: { value }, aim: { value } };
}

/** What is left of the pace when one replica, on the same machine, confirms each add; a share of that with one that does not. */
export const DURABILITY_GOALS = { "add-bulk": 0.6 };
