import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DelayqError } from "../../src/core/errors.ts";
import type { Confirmation } from "../../src/core/options.ts";
import { Batcher } from "../../src/queue/batcher.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const ADD_MS = 10_000;

/** Of the given shards no call is answered. `failed` names the shard of each add that failed. */
function setup() {
  const away = new Set<number>();
  const failed: number[] = [];
  const batcher = new Batcher<string>(async (shard, _args, items) => {
    await new Promise((resolve) => setTimeout(resolve, away.has(shard) ? ADD_MS : 1));
    if (away.has(shard)) throw new DelayqError("DELAYQ_UNKNOWN_OUTCOME", "no answer");
    return items.map(() => "added");
  }, 10_000);
  const push = (shard: number): void => {
    const item = { args: ["id"], bytes: 1, deadlineMs: ADD_MS, confirmation: undefined };
    batcher.push(shard, item).catch(() => failed.push(shard));
  };
  /** One add every 10 ms, to the first shard that is not stalled, as an adder without ids does. */
  const addFor = async (ms: number): Promise<number[]> => {
    const counts = [0, 0];
    for (let i = 0; i < ms / 10; i++) {
      const shard = batcher.isStalled(0, undefined) ? 1 : 0;
      counts[shard] = (counts[shard] ?? 0) + 1;
      push(shard);
      await vi.advanceTimersByTimeAsync(10);
    }
    return counts;
  };
  return { away, failed, addFor, batcher };
}

test("a shard whose calls were given up stays stalled, but for one batch at a time", async () => {
  const { away, failed, addFor } = setup();
  expect(await addFor(1000)).toEqual([100, 0]);
  away.add(0);
  const [first = 0] = await addFor(ADD_MS);
  expect(first).toBeLessThan(30);
  const [probes] = await addFor(3 * ADD_MS);
  expect(probes).toBeLessThanOrEqual(3);
  expect(failed.length).toBeLessThanOrEqual(first + 3);
});

test("the answer to that batch brings the shard back", async () => {
  const { away, addFor, batcher } = setup();
  away.add(0);
  await addFor(2 * ADD_MS);
  away.delete(0);
  await addFor(ADD_MS);
  expect(batcher.isStalled(0, undefined)).toBe(false);
  expect(await addFor(1000)).toEqual([100, 0]);
});

/** Items of a batcher whose calls end when the test says so. */
function held() {
  const calls: { readonly shard: number; readonly count: number; readonly answer: () => void }[] = [];
  const batcher = new Batcher<string>(
    async (shard, _args, items) => {
      await new Promise<void>((answer) => calls.push({ shard, count: items.length, answer }));
      return items.map(() => "added");
    },
    100_000,
    () => 20,
  );
  const push = async (count: number, shard = 0, confirmation?: Confirmation): Promise<string[]> => {
    const item = { args: ["id"], bytes: 1, deadlineMs: ADD_MS, confirmation };
    return await Promise.all(Array.from({ length: count }, async () => await batcher.push(shard, item)));
  };
  const counts = (): number[] => calls.map(({ count }) => count);
  return { batcher, calls, push, counts };
}

test("a batch that is full goes at once, what is left when the next answer comes", async () => {
  const { batcher, calls, push, counts } = held();
  const all = push(25);
  expect(counts()).toEqual([10, 10]);
  expect(batcher.waitingFor(0, undefined)).toBe(5);
  await vi.advanceTimersByTimeAsync(1);
  expect(counts()).toEqual([10, 10]);
  calls.forEach(({ answer }) => answer());
  await vi.advanceTimersByTimeAsync(1);
  expect(counts()).toEqual([10, 10, 5]);
  expect(batcher.waitingFor(0, undefined)).toBe(0);
  calls[2]?.answer();
  expect((await all).length).toBe(25);
});

test("what waits for an answer that does not come goes all the same, soon", async () => {
  const { push, counts } = held();
  void push(10);
  void push(3);
  void push(4, 1);
  await vi.advanceTimersByTimeAsync(1);
  expect(counts()).toEqual([10, 4]);
  await vi.advanceTimersByTimeAsync(30);
  expect(counts()).toEqual([10, 4, 3]);
});

test("of very many confirmations each is answered, and nothing is forgotten of those that are not", async () => {
  const { batcher, calls, push } = held();
  void push(1, 7);
  await vi.advanceTimersByTimeAsync(1);
  for (let replicas = 1; replicas <= 4; replicas++) {
    const some = Array.from(
      { length: 3000 },
      async (_, i) => await push(1, 0, { replicas, timeoutMs: i + 1 }),
    );
    await vi.advanceTimersByTimeAsync(1);
    for (const { shard, answer } of calls) if (shard === 0) answer();
    expect((await Promise.all(some)).flat()).toEqual(Array.from({ length: 3000 }, () => "added"));
  }
  await vi.advanceTimersByTimeAsync(300);
  expect(batcher.isStalled(7, undefined)).toBe(true);
  const sent = calls.length;
  void push(1, 7);
  await vi.advanceTimersByTimeAsync(1);
  expect(calls.length).toBe(sent);
});
