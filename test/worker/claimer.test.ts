import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Connection } from "../../src/store/connection.ts";
import type { ShardKeys } from "../../src/store/keys.ts";
import type { QueueStore } from "../../src/store/queue-store.ts";
import { Claimer, type Batch } from "../../src/worker/claimer.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const CONCURRENCY = 50;
const TASK_MS = 100;
const SHARDS = 8;
/** Of all claimers here, unless they say otherwise. */
const COMMON = {
  worker: "w",
  leaseMs: 15_000,
  slowPollMs: 60_000,
  mayClaim: () => true,
  freed: () => 0,
  onGone: () => {},
  onError: (error: unknown) => {
    throw error;
  },
};

/**
 * A worker on a Cluster whose shards have tasks without end, each on a master of its own unless it is told otherwise. Tells of so
 * many seconds what was run and what was given back.
 */
function setup(
  answerMsOf: (shard: number, claim: number) => number,
  { shards = SHARDS, nodeOf = (ctl: string) => ctl } = {},
) {
  let running = 0;
  let second = { run: 0, released: 0, runningMin: CONCURRENCY, runningMax: 0 };
  let claims = 0;
  const answer = async ({ shard }: ShardKeys, { count }: { count: number }) => {
    await new Promise<void>((resolve) => {
      const answerMs = answerMsOf(shard, ++claims);
      if (Number.isFinite(answerMs)) setTimeout(resolve, answerMs);
    });
    const claimed = Array.from({ length: count }, () => ({ id: "t", record: Buffer.alloc(0), more: "" }));
    return { word: "CLAIMED", fence: "1", nowMs: 0, claimed, isMore: true };
  };
  const store = {
    shards: (count: number) => Array.from({ length: count }, (_, shard) => ({ shard, ctl: `${shard}` })),
    claim: vi.fn<typeof answer>(answer),
  } as unknown as QueueStore;
  const subscriber = { listen: () => {}, unlisten: () => {}, canHear: () => true };
  const notice = (change: number): void => {
    running += change;
    second.runningMin = Math.min(second.runningMin, running);
    second.runningMax = Math.max(second.runningMax, running);
  };
  const connection = { isCluster: true, subscriber, nodeOf } as unknown as Connection;
  const claimer = new Claimer(connection, store, shards, {
    ...COMMON,
    concurrency: CONCURRENCY,
    slots: () => CONCURRENCY - running,
    onBatch: ({ claimed, room }) => {
      notice(room);
      second.run += room;
      second.released += claimed.length - room;
      const end = (): void => {
        notice(-1);
        claimer.pump();
      };
      for (let i = 0; i < room; i++) setTimeout(end, TASK_MS);
    },
  });
  claimer.start();
  return async (seconds: number) => {
    second = { run: 0, released: 0, runningMin: running, runningMax: running };
    await vi.advanceTimersByTimeAsync(seconds * 1000);
    return second;
  };
}

/** What can be run in a second, if each slot waits for an answer after each task. */
const perSecond = (answerMs: number): number => (CONCURRENCY * 1000) / (TASK_MS + answerMs);

test.each([1, 20, 60, 120, 300, 700])(
  "a worker goes on after a hiccup, with answers that take %d ms",
  async (answerMs) => {
    const run = setup((_, claim) => (claim === 1 ? 700 : answerMs * (0.9 + (claim % 3) / 10)));
    await run(10);
    const { run: count, released, runningMax } = await run(10);
    expect(count).toBeGreaterThan(perSecond(answerMs) * 10 * 0.4);
    expect(released).toBeLessThan(count * 0.02);
    expect(runningMax).toBeLessThanOrEqual(CONCURRENCY);
  },
);

test.each([1, 60, 300, 700])(
  "a worker works on while shards never answer, and the others within %d ms",
  async (answerMs) => {
    const run = setup((shard, claim) =>
      shard < 3 ? Number.POSITIVE_INFINITY : answerMs * (0.9 + (claim % 3) / 10),
    );
    await run(10);
    const { run: count, released } = await run(10);
    expect(count).toBeGreaterThan(perSecond(answerMs) * 10 * 0.4);
    expect(released).toBeLessThan(count * 0.02);
  },
);

test("a master that answers no more holds up the tasks of the others for a moment only, however many shards it has", async () => {
  const isAway = (shard: number): boolean => shard < 22;
  let isGone = false;
  const run = setup((shard) => (isGone && isAway(shard) ? Number.POSITIVE_INFINITY : 5), {
    shards: 64,
    nodeOf: (ctl) => (isAway(Number(ctl)) ? "away" : "there"),
  });
  await run(10);
  isGone = true;
  const { run: count } = await run(5);
  expect(count).toBeGreaterThan(perSecond(5) * 5 * 0.7);
});

test.each([
  ["the last try where nothing was left: that one took them", false, 30_010],
  ["the first try where more is left: it may have taken them", true, 20_000],
])("after Redis was away lateness counts from %s", async (_, isMore, expectedMs) => {
  const batches: Batch[] = [];
  const beganMs = performance.now();
  const claim: QueueStore["claim"] = async (_keys, { count }, { onSend }) => {
    if (batches.length > 0 || count === 0) return { word: "EMPTY" };
    await sleep(20_000);
    onSend?.(); // there was no connection to send it on before
    await sleep(10_010);
    onSend?.();
    const claimed = [{ id: "t", record: Buffer.alloc(0), more: "" }];
    return { word: "CLAIMED", fence: "1", nowMs: 0, claimed, isMore };
  };
  const store = { shards: () => [{ shard: 0 }], claim } as unknown as QueueStore;
  const subscriber = { listen: () => {}, unlisten: () => {}, canHear: () => true };
  const connection = { isCluster: false, subscriber, nodeOf: () => "" } as unknown as Connection;
  const claimer = new Claimer(connection, store, 1, {
    ...COMMON,
    concurrency: 1,
    mayClaim: () => batches.length === 0,
    slots: () => 1,
    onBatch: (batch) => void batches.push(batch),
  });
  claimer.start();
  await vi.advanceTimersByTimeAsync(31_000);
  const [batch] = batches;
  expect(batch?.sentMs).toBeCloseTo(beganMs + 20_000, -2);
  expect(batch?.triedMs).toBeCloseTo(beganMs + expectedMs, -2);
});

const sleep = async (ms: number): Promise<void> =>
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

test("a shard that is always late gets its share, and gives back little", async () => {
  const claims = new Map<number, number>();
  const run = setup((shard) => {
    claims.set(shard, (claims.get(shard) ?? 0) + 1);
    return shard === 0 ? 1500 : 60;
  });
  await run(10);
  const { run: count, released } = await run(10);
  expect(count).toBeGreaterThan(perSecond(60) * 10 * 0.5);
  expect(released).toBeLessThan(count * 0.02);
  expect(claims.get(0)).toBeGreaterThan(5);
});

/** A worker that is told of what is due; claims find nothing, and take 5 ms. Tells of which shards it claimed. */
function setupIdle() {
  const claimed: number[] = [];
  const answer = async ({ shard }: ShardKeys, { count }: { count: number }) => {
    if (count > 0) claimed.push(shard);
    await sleep(5);
    return { word: "EMPTY" };
  };
  const store = {
    shards: (count: number) => Array.from({ length: count }, (_, shard) => ({ shard })),
    claim: answer,
  } as unknown as QueueStore;
  const subscriber = { listen: () => {}, unlisten: () => {}, canHear: () => true };
  const connection = { isCluster: false, subscriber, nodeOf: () => "" } as unknown as Connection;
  const free = { slots: 1 };
  const claimer = new Claimer(connection, store, 2, {
    ...COMMON,
    concurrency: 1,
    slots: () => free.slots,
    onBatch: () => {},
  });
  claimer.pump(); // a shard is worth a claim at first
  const settle = async (): Promise<number[]> => {
    await vi.advanceTimersByTimeAsync(20);
    return claimed.splice(0);
  };
  return { claimer, free, settle };
}

test("claims at once where a task is due, and once more where it may have come after a claim", async () => {
  const { claimer, settle } = setupIdle();
  await settle();
  expect(claimer.claimDue(1, false)).toBe(true);
  expect(await settle()).toEqual([1]);
  expect(claimer.claimDue(0, false)).toBe(true);
  expect(claimer.claimDue(0, false)).toBe(false);
  expect(await settle()).toEqual([0, 0]);
});

test("leaves due tasks to the other workers until it is its turn, or another one claims", async () => {
  const { claimer, settle } = setupIdle();
  await settle();
  claimer.noticeMembers(true, 3);
  expect([1, 2, 3, 4].map(() => claimer.claimDue(0, false))).toEqual([false, false, true, false]);
  expect(await settle()).toEqual([0]);
  claimer.noticeMembers(true, 1);
  expect(claimer.claimDue(0, true)).toBe(false);
  expect(await settle()).toEqual([]);
});

test("claims what is due when a slot is free, and not where it has no shard or has stopped", async () => {
  const { claimer, free, settle } = setupIdle();
  await settle();
  free.slots = 0;
  expect(claimer.claimDue(1, false)).toBe(false);
  expect(await settle()).toEqual([]);
  free.slots = 1;
  claimer.pump();
  expect(await settle()).toEqual([1]);
  expect(claimer.claimDue(2, false)).toBe(false);
  await claimer.stop(0);
  expect(claimer.claimDue(0, false)).toBe(false);
  expect(await settle()).toEqual([]);
});
