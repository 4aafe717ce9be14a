import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Connection } from "../../src/store/connection.ts";
import type { ShardKeys } from "../../src/store/keys.ts";
import type { QueueStore } from "../../src/store/queue-store.ts";
import { Claimer } from "../../src/worker/claimer.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const CONCURRENCY = 40;
const ANSWER_MS = 5;
const WAIT_MAX_MS = 50;

/** A worker whose shards have tasks without end, and that runs what it claimed ahead when a slot becomes free. */
function setup({ isAhead = true } = {}) {
  const seen = { taskMs: 5, claims: [] as number[], heldMax: 0, completed: 0, givenBack: 0 };
  let started = 0;
  let ended = 0;
  let running = 0;
  let waiting = 0;
  let late: NodeJS.Timeout | undefined;
  const store = {
    shards: (count: number) => Array.from({ length: count }, (_, shard) => ({ shard })),
    async claim(_: ShardKeys, { count }: { count: number }) {
      seen.claims.push(count);
      await new Promise<void>((resolve) => {
        setTimeout(resolve, ANSWER_MS);
      });
      const claimed = Array.from({ length: count }, () => ({ id: "t", record: Buffer.alloc(0), more: "" }));
      return { word: "CLAIMED", fence: "1", nowMs: 0, claimed, isMore: true };
    },
  } as unknown as QueueStore;
  const subscriber = { listen: () => {}, unlisten: () => {}, canHear: () => true };
  const start = (): void => {
    running++;
    const taskMs = seen.taskMs * (0.5 + ((started++ * 7) % CONCURRENCY) / CONCURRENCY);
    setTimeout(() => {
      running--;
      ended++;
      seen.completed++;
      if (waiting > 0) {
        waiting--;
        start();
      }
      claimer.pump();
    }, taskMs);
  };
  const connection = { isCluster: false, subscriber, nodeOf: () => "" } as unknown as Connection;
  const giveBack = (): void => {
    late = undefined;
    if (waiting === 0 || seen.taskMs < WAIT_MAX_MS) return;
    seen.givenBack += waiting;
    waiting = 0;
    claimer.slowDown();
    claimer.pump();
  };
  const claimer = new Claimer(connection, store, 4, {
    worker: "w",
    leaseMs: 15_000,
    slowPollMs: 60_000,
    concurrency: CONCURRENCY,
    mayClaim: () => true,
    slots: () => CONCURRENCY - running - waiting,
    freed: () => (isAhead ? ended : 0),
    onBatch: ({ room }) => {
      for (let i = 0; i < room; i++) {
        if (running < CONCURRENCY) start();
        else waiting++;
      }
      if (waiting > 0) late ??= setTimeout(giveBack, WAIT_MAX_MS);
      seen.heldMax = Math.max(seen.heldMax, running + waiting);
    },
    onGone: () => {},
    onError: (error) => {
      throw error;
    },
  });
  claimer.start();
  return seen;
}

const pass = async (ms: number): Promise<void> => void (await vi.advanceTimersByTimeAsync(ms));

test("claims ahead of quick handlers, so that their slots do not wait for answers", async () => {
  const seen = setup();
  const inTurns = setup({ isAhead: false });
  await pass(5000);
  expect(seen.completed).toBeGreaterThan(inTurns.completed * 1.3);
  expect(seen.heldMax).toBeLessThanOrEqual(2 * CONCURRENCY);
});

test("claims hardly anything ahead of slow handlers", async () => {
  const seen = setup();
  seen.taskMs = 5000;
  await pass(60_000);
  expect(seen.completed).toBeGreaterThan(CONCURRENCY * 10);
  expect(seen.heldMax).toBeLessThanOrEqual(CONCURRENCY + 2); // now and then some end together
});

test("claims no more ahead once quick handlers are slow", async () => {
  const seen = setup();
  await pass(1000);
  seen.taskMs = 100_000;
  await pass(100);
  expect(seen.heldMax).toBeLessThanOrEqual(2 * CONCURRENCY);
  expect(seen.givenBack).toBeGreaterThan(0);
  seen.givenBack = 0;
  await pass(40_000);
  expect(seen.givenBack).toBe(0);
});
