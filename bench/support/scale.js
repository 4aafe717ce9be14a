/**
 * How much a run does. Each engine gets enough work for some seconds, and the same time or the same pending tasks where that
 * counts; and before it is measured as many tasks as it runs in about a second, so that its process runs compiled code, as it
 * does in service.
 */
export const FULL = {
  rounds: 3,
  saturate: { warmUpMs: 1500, measureMs: 3000 },
  adding: { warmUpMs: 1500, tasks: 200_000 },
  warmUp: { delayq: 150_000, bullmq: 30_000 },
  process: { delayq: 400_000, bullmq: 60_000 },
  lagSeconds: 10,
  bytesTasks: 1_000_000,
  queryPending: 300_000,
  costTasks: 100_000,
  sparseSeconds: 20,
  sparseSettleMs: 5000,
  idleSettleMs: 65_000,
  /** As long as an idle shard is left alone at most, so that each look after one is counted. */
  idleMs: 60_000,
};

export const QUICK = {
  rounds: 1,
  saturate: { warmUpMs: 1000, measureMs: 1500 },
  adding: { warmUpMs: 1000, tasks: 100_000 },
  warmUp: { delayq: 75_000, bullmq: 15_000 },
  process: { delayq: 150_000, bullmq: 20_000 },
  lagSeconds: 3,
  bytesTasks: 100_000,
  queryPending: 100_000,
  costTasks: 30_000,
  sparseSeconds: 5,
  sparseSettleMs: 3000,
  idleSettleMs: 15_000,
  idleMs: 5000,
};

/** What fits into a check that runs with every change. */
export const SHORT = {
  ...QUICK,
  saturate: { warmUpMs: 700, measureMs: 1000 },
  adding: { warmUpMs: 700, tasks: 50_000 },
  // By then the looks without a hint have become as rare as they are in service.
  sparseSettleMs: 32_000,
  sparseSeconds: 10,
  queryPending: 60_000,
};
