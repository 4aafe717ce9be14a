/** How much a run does. Each engine gets enough work for some seconds, and the same time or the same pending tasks where that counts. */
export const FULL = {
  rounds: 3,
  saturate: { warmUpMs: 1500, measureMs: 3000 },
  process: {
    delayq: { warmUp: 30_000, measured: 300_000 },
    bullmq: { warmUp: 10_000, measured: 60_000 },
  },
  lagSeconds: 10,
  bytesTasks: 1_000_000,
  queryPending: 300_000,
  costTasks: 100_000,
  sparseSeconds: 20,
  sparseSettleMs: 5000,
  idleSettleMs: 65_000,
  idleMs: 20_000,
};

export const QUICK = {
  rounds: 1,
  saturate: { warmUpMs: 1000, measureMs: 1500 },
  process: {
    delayq: { warmUp: 20_000, measured: 100_000 },
    bullmq: { warmUp: 5000, measured: 20_000 },
  },
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
  queryPending: 60_000,
};
