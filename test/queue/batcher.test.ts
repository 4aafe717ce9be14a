import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DelayqError } from "../../src/core/errors.ts";
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
