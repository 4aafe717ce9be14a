import { expect, inject, test } from "vitest";
import type { Scene } from "./operations.ts";
import { findFault } from "./property.ts";

/** `DELAYQ_RUNS` says how many runs (npm run test:model has more); `DELAYQ_SEED` and `DELAYQ_PATH` repeat what a failure printed. */
const RUNS = 120;
const LIMIT_MS = 600_000;
const { DELAYQ_RUNS: runs, DELAYQ_SEED: seed, DELAYQ_PATH: path } = process.env;

const mail = { name: "mail", due: { delay: 0 }, priority: 0, isBig: false, given: {} };

/** What failed once, before anything else. */
const FOUND: readonly Scene[] = [
  {
    // An obliterate that was refused had wiped the shards before the busy one.
    shards: 4,
    steps: [
      { do: "add", by: 0, tasks: [{ ...mail, id: "b" }] },
      { do: "claim", worker: 0, shard: 2, count: 1, leaseMs: 1000, number: "next" },
      { do: "obliterate", by: 0, force: false },
    ],
  },
];

test(
  "whatever producers, workers and schedulers do, Redis holds what the model says",
  async () => {
    const fault = await findFault(inject("redisUrl"), {
      numRuns: runs === undefined ? RUNS : Number(runs),
      examples: FOUND.map((scene) => [scene]),
      ...(seed !== undefined && { seed: Number(seed) }),
      ...(path !== undefined && { path }),
    });
    if (fault !== undefined) expect.fail(fault);
  },
  LIMIT_MS,
);
