import { Redis } from "ioredis";
import { expect, inject, onTestFinished, test } from "vitest";
import { Queue, RetryLater } from "../../src/index.ts";
import { eventually, setup } from "../support/fixture.ts";

/** What happens to a queue under those who use it: it is obliterated, made anew, loses keys, loses its channels. */
function admin(): Redis {
  const redis = new Redis(inject("redisUrl"));
  onTestFinished(() => redis.disconnect());
  return redis;
}

test("a producer that lived through an obliterate adds to the new queue, whatever its shards", async () => {
  const { queue, worker, base } = setup();
  const [old, anew] = [new Queue("q", base), queue({ shards: 3 })];
  onTestFinished(async () => await old.close());
  await old.add("a", 0, { delay: 3_600_000 });
  await old.obliterate();
  await anew.add("a", 1);
  const runs: number[] = [];
  worker((task) => void runs.push(task.data as number));
  const added = await Promise.all([2, 3, 4, 5].map(async (data) => await old.add("a", data)));
  await eventually(() => expect(runs.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]));
  expect(added.every(({ shard }) => shard < 3)).toBe(true);
  await eventually(async () =>
    expect([await old.stats(), await anew.stats()]).toMatchObject(
      Array.from({ length: 2 }, () => ({ leased: 0, counters: { added: 5, completed: 5 } })),
    ),
  );
});

test("a queue that was obliterated and made anew is served soon", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  const runs: unknown[] = [];
  worker((task) => void runs.push(task.data), { slowPollMs: 600_000 });
  await producer.add("a", 1);
  await eventually(() => expect(runs).toEqual([1]));
  await eventually(async () => expect((await producer.counts()).leased).toBe(0));
  await producer.obliterate();
  await producer.add("a", 2);
  await eventually(() => expect(runs).toEqual([1, 2]), 5000);
});

test("a shard that lost its copy of meta is repaired, and the others go on meanwhile", async () => {
  const { queue, worker, prefix } = setup();
  const producer = queue();
  let completed = 0;
  worker(() => {}).on("completed", () => completed++);
  await producer.add("a", null);
  await eventually(() => expect(completed).toBe(1));
  const redis = admin();
  const [ctl] = await redis.keys(`${prefix}:*:ctl`);
  await redis.del(ctl ?? "");
  await producer.addBulk(
    Array.from({ length: 40 }, (_, i) => ({ name: "a", data: i, opts: { id: `t${i}`, delay: 50 } })),
  );
  await eventually(() => expect(completed).toBe(41));
  await eventually(async () => expect(await redis.exists(ctl ?? "")).toBe(1));
});

test("an idle worker goes on when the channels alone are cut off", async () => {
  const redis = admin();
  const user = `cut${process.pid}`;
  await redis.call("ACL", "SETUSER", user, "on", ">secret", "~*", "&*", "+@all");
  onTestFinished(async () => void (await redis.call("ACL", "DELUSER", user)));
  const { host = "", port = 0 } = redis.options;
  const { queue, worker } = setup({ host, port, username: user, password: "secret" });
  const producer = queue();
  let completed = 0;
  worker(() => {}, { slowPollMs: 600_000 }).on("completed", () => completed++);
  await producer.add("a", null);
  await eventually(() => expect(completed).toBe(1));
  await redis.call("ACL", "SETUSER", user, "resetchannels"); // Redis also ends the connections that listen
  await producer.addBulk(
    Array.from({ length: 20 }, (_, i) => ({ name: "a", data: i, opts: { id: `t${i}`, delay: 300 } })),
  );
  await eventually(() => expect(completed).toBe(21), 8000);
});

test("close waits for what was asked for", async () => {
  const { queue } = setup();
  const producer = queue();
  const adding = producer.addBulk(
    Array.from({ length: 20_000 }, (_, data) => ({ name: "a", data, opts: { delay: 60_000 } })),
  );
  await producer.close();
  expect(await adding).toHaveLength(20_000);
});

test("every close waits for all that was asked for, also for what fails", async () => {
  const { queue } = setup();
  const producer = queue();
  const ended: string[] = [];
  const adding = producer.add("a", null, { delay: 60_000 }).then(() => ended.push("add"));
  const failing = producer.add("a", null, { delay: -1 }).catch(() => ended.push("refused"));
  const bulk = producer
    .addBulk(Array.from({ length: 5000 }, (_, data) => ({ name: "a", data, opts: { delay: 60_000 } })))
    .then(() => ended.push("bulk"));
  const closes = [producer.close(), producer.close()];
  await Promise.all(closes.map(async (closed) => await closed.then(() => expect(ended).toHaveLength(3))));
  await Promise.all([adding, failing, bulk]);
  await expect(producer.add("a", null)).rejects.toMatchObject({ code: "DELAYQ_CLOSED" });
});

test("a delay that is no number puts a task off by nothing, and loses none", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  let starts = 0;
  let completed = 0;
  worker(() => {
    if (++starts > 1) return;
    throw Object.assign(new RetryLater(5), { delayMs: Number.NaN });
  }).on("completed", () => completed++);
  await producer.add("a", null);
  await eventually(() => expect(completed).toBe(1));
});

test("a busy queue is not obliterated, and goes on", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  let finish = (): void => {};
  const running = new Promise<void>((started) => {
    worker(async () => {
      started();
      await new Promise<void>((resolve) => (finish = resolve));
    });
  });
  await producer.add("a", null);
  await running;
  await producer.add("a", null, { delay: 3_600_000 });
  await expect(producer.obliterate()).rejects.toMatchObject({ code: "DELAYQ_QUEUE_BUSY" });
  expect(await producer.counts()).toMatchObject({ delayed: 1, leased: 1, paused: false });
  finish();
});
