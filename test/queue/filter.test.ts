import { once } from "node:events";
import { expect, test } from "vitest";
import type { TaskFilter } from "../../src/index.ts";
import { eventually, setup as setupEngine } from "../support/fixture.ts";

const HOUR = 3_600_000;
const START = Date.UTC(2100, 0, 1);
const START_OF_TIME = Date.UTC(2000, 0, 1);

/** Twelve tasks, due an hour apart, of two names. */
async function setup() {
  const engine = setupEngine();
  const tasks = engine.queue();
  await tasks.addBulk(
    Array.from({ length: 12 }, (_, i) => ({
      name: i % 2 === 0 ? "even" : "odd",
      data: i,
      opts: { id: `${i < 6 ? "first" : "last"}-${i}`, at: START + i * HOUR, priority: i % 3 },
    })),
  );
  const idsOf = async (filter: TaskFilter): Promise<number[]> => {
    const found: number[] = [];
    for await (const { data } of tasks.list("delayed", filter)) found.push(data as number);
    return found;
  };
  return { ...engine, tasks, idsOf };
}

test("lists and counts the tasks that match, the earliest first", async () => {
  const { tasks, idsOf } = await setup();
  const cases: [TaskFilter, number[]][] = [
    [{ dueAfter: START + 3 * HOUR, dueBefore: new Date(START + 6 * HOUR) }, [3, 4, 5]],
    [{ dueAfter: START + 10 * HOUR }, [10, 11]],
    [{ name: "odd", limit: 2 }, [1, 3]],
    [{ idPrefix: "last-", name: "even" }, [6, 8, 10]],
    [{ idPrefix: "first-", limit: 2 }, [0, 1]],
    [{ addedBefore: 1 }, []],
    [{ error: "x" }, []],
    [{ limit: 0 }, []],
  ];
  for (const [filter, expected] of cases) {
    expect(await idsOf(filter), JSON.stringify(filter)).toEqual(expected);
    expect(await tasks.count("delayed", filter), JSON.stringify(filter)).toBe(expected.length);
  }
  expect(await tasks.count("delayed")).toBe(12);
});

test("cancels what matches, and counts the outcomes", async () => {
  const { tasks, idsOf } = await setup();
  expect(await tasks.cancel({ name: "odd", dueBefore: START + 6 * HOUR })).toEqual({ cancelled: 3 });
  expect(await tasks.cancel(["first-0", "first-1", "none"])).toEqual({ cancelled: 1, missing: 2 });
  expect(await idsOf({})).toEqual([2, 4, 6, 7, 8, 9, 10, 11]);
  await tasks.runNow("first-2");
  expect(await tasks.cancel({ state: "ready" })).toEqual({ cancelled: 1 });
  expect(await tasks.cancel({ limit: 3 })).toEqual({ cancelled: 3 });
  expect(await tasks.cancel({})).toEqual({ cancelled: 4 });
  expect(await tasks.counts()).toMatchObject({ delayed: 0, ready: 0 });
});

test("finds ready tasks by their due time on the runway and behind it", async () => {
  const { tasks, scheduler } = await setup();
  await tasks.pause();
  await tasks.addBulk(
    Array.from({ length: 20 }, (_, i) => ({ name: "old", data: i, opts: { at: 1_000_000_000_000 + i } })),
  );
  const one = scheduler();
  const filter = { dueAfter: 1_000_000_000_005, dueBefore: 1_000_000_000_008 };
  // A task that moves onto the runway during a walk may be missed by it.
  await eventually(async () => expect(await tasks.count("ready", filter)).toBe(3));
  await tasks.resume();
  await eventually(async () => expect(await tasks.count("ready", filter)).toBe(3));
  await one.close();
});

test("ends a change between two batches when it is told to, and a second run does the rest, each once", async () => {
  const { queue, worker } = setupEngine();
  const tasks = queue();
  const count = 2500;
  await tasks.addBulk(
    Array.from({ length: count }, (_, i) => ({ name: "n", data: i, opts: { attempts: 1 } })),
  );
  const failing = worker(() => Promise.reject(new Error("no")), { concurrency: 500 });
  await eventually(async () => expect(await tasks.count("dead")).toBe(count));
  await failing.close();
  const interrupt = new AbortController();
  const seen: number[] = [];
  const first = await tasks.requeue(
    {},
    {
      signal: interrupt.signal,
      onProgress: ({ requeued = 0 }) => {
        seen.push(requeued);
        interrupt.abort();
      },
    },
  );
  expect(seen[0]).toBe(1000);
  expect(first.requeued).toBeLessThan(count);
  const second = await tasks.requeue({ error: "no" });
  expect((first.requeued ?? 0) + (second.requeued ?? 0)).toBe(count);
  const { counters, ...counts } = await tasks.stats();
  expect(counts).toMatchObject({ ready: count, dead: 0 });
  expect(counters).toMatchObject({ requeued: count });
});

test("refuses filters that it does not know", async () => {
  const { tasks } = await setup();
  const invalid = { code: "DELAYQ_INVALID_OPTION" };
  await expect(tasks.count("delayed", { dueBefore: "soon" as never })).rejects.toMatchObject(invalid);
  await expect(tasks.cancel({ state: "dead" as never })).rejects.toMatchObject(invalid);
  await expect(tasks.list("delayed", { names: "x" } as never).next()).rejects.toMatchObject(invalid);
});

test("ends a list of ready tasks, though more become ready all the time", async () => {
  const tasks = setupEngine().queue({ shards: 1 });
  const add = async (count: number, delay: number) =>
    await tasks.addBulk(Array.from({ length: count }, () => ({ name: "n", data: delay, opts: { delay } })));
  await add(1000, 0);
  const listed: number[] = [];
  for await (const { data } of tasks.list("ready")) {
    if (listed.push(data as number) > 1) continue;
    await add(1000, 20);
    await eventually(async () => expect((await tasks.counts()).ready).toBe(2000));
  }
  expect(listed).toEqual(Array.from({ length: 1000 }, () => 0));
});

test("misses no ready task that goes onto the runway while they are listed, and tells none twice", async () => {
  const { queue, worker } = setupEngine();
  const tasks = queue({ shards: 1 });
  const count = 5000;
  await tasks.addBulk(
    Array.from({ length: count }, (_, i) => ({ name: "n", data: i, opts: { at: START_OF_TIME + i } })),
  );
  const ready: number[] = [];
  let held: unknown;
  for await (const { data } of tasks.list("ready")) {
    ready.push(data as number);
    if (ready.length > 1) continue;
    // The first page is read. A claim fills the runway with what stands behind it.
    const running = worker(
      async (task, { signal }) => {
        held = task.data;
        await once(signal, "abort");
      },
      { concurrency: 1, scheduler: false },
    );
    await eventually(() => expect(held).toBeTypeOf("number"));
    await running.close({ graceMs: 0 }); // which puts it back
  }
  expect(ready.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
});
