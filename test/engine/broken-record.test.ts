import { Redis } from "ioredis";
import { expect, inject, onTestFinished, test } from "vitest";
import type { Queue } from "../../src/index.ts";
import { INSIDE } from "../../src/runtime/inside.ts";
import { Connection } from "../../src/store/connection.ts";
import { shardKeys } from "../../src/store/keys.ts";
import { QueueStore, within } from "../../src/store/queue-store.ts";
import { BROKEN_PRIORITY, BROKEN_RECORDS, NEWER_RECORD } from "../support/broken-records.ts";
import { eventually, setup } from "../support/fixture.ts";

/* Others have written into the hash of records. */
const BAD = BROKEN_RECORDS.map(([, record], i) => ({ id: `bad-${i}`, record }));
/** Before each bad one. */
const GOOD = 10;

async function setupSpoilt() {
  const fixture = setup();
  const { prefix } = fixture;
  const producer = fixture.queue({ shards: 1 });
  const opts = { priority: BROKEN_PRIORITY };
  const redis = new Redis(inject("redisUrl"));
  onTestFinished(() => redis.disconnect());
  const keys = shardKeys({ prefix, queue: "q" }, 0, 1);
  const spoil = async (id: string, record: Buffer): Promise<void> =>
    void (await redis.hset(keys.tasks, id, record));
  /** Tasks that are due, and behind every ten one that is to be spoilt. */
  const add = async (): Promise<void> => {
    for (const { id } of BAD) {
      await producer.addBulk(Array.from({ length: GOOD }, (_, data) => ({ name: "good", data, opts })));
      await producer.add("bad", null, { ...opts, id });
    }
  };
  return { ...fixture, producer, keys, spoil, add };
}

const deadOf = async (queue: Queue): Promise<Map<string, string | undefined>> => {
  const dead = new Map<string, string | undefined>();
  for await (const { id, error } of queue.list("dead")) dead.set(id, error?.message);
  return dead;
};

test("a record that was spoilt costs its own task, which is buried and named, and no other", async () => {
  const { producer, worker, spoil, add } = await setupSpoilt();
  await add();
  await producer.add("newer", null, { id: "newer" });
  for (const { id, record } of BAD) await spoil(id, record);
  await spoil("newer", NEWER_RECORD);

  const told: string[] = [];
  const busy = worker({ good: () => {} }, { unhandledDelayMs: 100 });
  busy.on("error", (error) => told.push((error as Error).message));
  const completed = GOOD * BAD.length;
  await eventually(async () =>
    expect((await producer.stats()).counters).toMatchObject({ completed, dead: BAD.length }),
  );

  const dead = await deadOf(producer);
  expect([...dead.keys()].toSorted()).toEqual(BAD.map(({ id }) => id).toSorted());
  for (const { id } of BAD) {
    const message = expect.stringContaining(`Task ${id} of queue q cannot be read. `) as string;
    expect(dead.get(id)).toEqual(message);
    expect(told).toContainEqual(message);
    await expect(producer.get(id)).rejects.toMatchObject({ code: "DELAYQ_BROKEN_RECORD", message });
  }
  // It may be of a newer release: it waits for one, and that is counted.
  await eventually(() => expect(busy[INSIDE]().queues[0]?.unhandled).toBeGreaterThanOrEqual(2));
  expect(told.find((message) => message.startsWith("Task newer of queue q"))).toContain("format 2");
  expect(await producer.cancel("newer", { abort: true })).toBe("cancelled");
  expect(await producer.purge({})).toEqual({ purged: BAD.length });
  expect(await producer.counts()).toMatchObject({ delayed: 0, ready: 0, leased: 0, dead: 0 });
});

test("leases of spoilt and good tasks that expire together all come back", async () => {
  const { base, prefix, producer, worker, keys, spoil, add } = await setupSpoilt();
  await add();
  const connection = Connection.acquire(base.connection);
  onTestFinished(() => connection.release());
  const store = new QueueStore(connection, { prefix, queue: "q" });
  const claim = { worker: "nobody", number: 1, leaseMs: 50, count: 200 };
  await store.claim(keys, claim, within());
  expect(await producer.counts()).toMatchObject({ leased: (GOOD + 1) * BAD.length });
  for (const { id, record } of BAD) await spoil(id, record);
  worker({ good: () => {} }).on("error", () => {});
  const completed = GOOD * BAD.length;
  await eventually(async () =>
    expect((await producer.stats()).counters).toMatchObject({ completed, dead: BAD.length }),
  );
});
