import { Writable } from "node:stream";
import { pino } from "pino";
import { expect, test } from "vitest";
import { BulkIncompleteError } from "../../src/index.ts";
import { connect, setupRedisProcess } from "../dev/setup.ts";
import { deferred, eventually, setup } from "../support/fixture.ts";

/** Collects what is logged. */
function listeningLogger() {
  const lines: Record<string, unknown>[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  return { lines, logger: pino({ level: "debug" }, stream) };
}

function block(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

test("a handler that blocks the event loop is noticed, and the log says for how long", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  const { lines, logger } = listeningLogger();
  worker(() => block(800), { leaseMs: 1000, logger });
  await producer.add("a", null);
  const line = await eventually(() => {
    const blocked = lines.find((one) => "blockedMs" in one);
    expect(blocked).toBeDefined();
    return blocked;
  });
  expect(line?.["blockedMs"]).toBeGreaterThan(300);
});

test("an addBulk that Redis leaves half-way says of each id what became of it, and can be repeated", async () => {
  const redis = await setupRedisProcess({ config: { appendonly: "yes", appendfsync: "always" } });
  await redis.start();
  const { queue } = setup(redis.url);
  const producer = queue({ addTimeoutMs: 500 });
  await producer.add("first", null, { delay: 60_000 });
  const tasks = Array.from({ length: 20_000 }, (_, i) => ({
    name: "a",
    data: null,
    opts: { id: `task-${i}`, delay: 60_000 },
  }));
  const outcome = producer.addBulk(tasks).catch((error: unknown) => error);
  await redis.kill("SIGKILL");
  const error = await outcome;
  expect(error).toBeInstanceOf(BulkIncompleteError);
  const { added, refused, unknown } = error as BulkIncompleteError;
  expect([...added, ...refused, ...unknown].toSorted()).toEqual(tasks.map(({ opts }) => opts.id).toSorted());
  await redis.start();
  const kept = await Promise.all(added.map(async (id) => await producer.get(id)));
  expect(kept.every((task) => task?.state === "delayed")).toBe(true);
  const again = await producer.addBulk(tasks);
  expect(again).toHaveLength(tasks.length);
  expect(await producer.counts()).toMatchObject({ delayed: tasks.length + 1 });
});

test("goes on after the scripts were flushed", async () => {
  const redis = await setupRedisProcess();
  await redis.start();
  const admin = connect(redis.url);
  const { queue, worker } = setup(redis.url);
  const producer = queue();
  let completed = 0;
  worker(() => {}).on("completed", () => completed++);
  for (let round = 1; round <= 3; round++) {
    await producer.addBulk(
      Array.from({ length: 20 }, (_, data) => ({ name: "a", data, opts: { delay: 20 } })),
    );
    await admin.script("FLUSH");
    await eventually(() => expect(completed).toBe(20 * round));
  }
});

test("a change that Redis did not answer in time names its task, and repeating it is safe", async () => {
  const redis = await setupRedisProcess();
  await redis.start();
  const { queue } = setup(redis.url);
  const producer = queue({ addTimeoutMs: 400 });
  await producer.add("first", null, { delay: 60_000 });
  await redis.kill("SIGSTOP");
  const outcome = await producer
    .add("a", null, { id: "mine", delay: 60_000 })
    .catch((error: unknown) => error);
  await redis.kill("SIGCONT");
  expect(outcome).toMatchObject({ code: "DELAYQ_UNKNOWN_OUTCOME", ids: ["mine"] });
  await eventually(async () =>
    expect(await producer.add("a", null, { id: "mine" })).toMatchObject({ id: "mine" }),
  );
  expect((await producer.counts()).delayed).toBe(2);
});

test("close ends in time while Redis is away and a handler never returns", async () => {
  const redis = await setupRedisProcess();
  await redis.start();
  const { queue, worker } = setup(redis.url);
  const started = deferred();
  const one = worker(async () => {
    started.resolve();
    await new Promise(() => {});
  });
  await queue().add("a", null);
  await started.promise;
  await redis.kill("SIGKILL");
  const startMs = performance.now();
  await one.close({ graceMs: 50 });
  expect(performance.now() - startMs).toBeLessThan(20_000);
});

test("an obliterated queue leaves nothing, and is served again when it is made anew", async () => {
  const { queue, worker, prefix } = setup();
  const producer = queue();
  const runs: unknown[] = [];
  const one = worker((task) => void runs.push(task.data));
  await producer.add("a", 1);
  await eventually(() => expect(runs).toEqual([1]));
  await producer.add("a", "never", { delay: 3_600_000 });
  await eventually(async () => expect((await producer.counts()).leased).toBe(0));
  await producer.obliterate();
  expect(await producer.counts()).toMatchObject({ delayed: 0 });
  await producer.add("a", 2);
  await eventually(() => expect(runs).toEqual([1, 2]));
  await eventually(async () => expect((await producer.counts()).leased).toBe(0));
  await one.close();
  await producer.obliterate();
  expect(prefix).toBeDefined();
});
