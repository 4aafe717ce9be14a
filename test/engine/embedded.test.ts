import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { expect, inject, onTestFinished, test } from "vitest";
import { shardKeys, wakeChannel } from "../../src/store/keys.ts";
import { setupRedisProcess } from "../dev/setup.ts";
import { eventually, setup } from "../support/fixture.ts";
import { look } from "../support/members.ts";
import { startRole } from "../support/role-process.ts";

const QUEUES = Array.from({ length: 20 }, (_, i) => `q${i}`);

test("the workers of a process share one scheduler, which serves the queues of those that are open", async () => {
  const { prefix, queue, worker } = setup();
  const redis = look(inject("redisUrl"), prefix);
  const runs: string[] = [];
  const workers = QUEUES.map((name) => worker(({ queue }) => void runs.push(queue), {}, name));
  const twin = worker(({ queue }) => void runs.push(queue), {}, "q0");
  const producers = QUEUES.map((name) => queue({}, name));
  for (const producer of producers) await producer.add("a", null, { delay: 100 });
  await eventually(() => expect(runs.toSorted()).toEqual(QUEUES.toSorted()));
  expect(await redis.schedulers()).toMatchObject([{ queues: QUEUES, pid: process.pid }]);

  const [left, gone] = [QUEUES.slice(10), QUEUES.slice(1, 10)];
  await Promise.all(workers.slice(0, 10).map(async (one) => await one.close()));
  await eventually(async () => expect(await redis.schedulers()).toMatchObject([{ queues: ["q0", ...left] }]));
  await eventually(async () => {
    const owners = await redis.owners();
    expect(owners.filter((owner) => owner === "")).toHaveLength(4 * gone.length);
  });
  runs.length = 0;
  for (const producer of producers) await producer.add("a", null, { delay: 100 });
  await eventually(() => expect(runs.toSorted()).toEqual(["q0", ...left].toSorted()));

  await Promise.all([twin, ...workers].map(async (one) => await one.close()));
  expect(await redis.schedulers()).toEqual([]);
  expect(new Set(await redis.owners())).toEqual(new Set([""]));
});

test("a queue whose worker closes while another one begins goes on being served", async () => {
  const { prefix, queue, worker } = setup();
  const redis = look(inject("redisUrl"), prefix);
  const producer = queue();
  let runs = 0;
  const handler = (): void => void runs++;
  worker(() => {}, {}, "other");
  let last = worker(handler);
  for (let round = 1; round <= 5; round++) {
    await producer.add("a", null, { delay: 20 });
    await eventually(() => expect(runs).toBe(round));
    const closing = last.close();
    if (round % 2 === 0) await sleep(1);
    last = worker(handler, { slowPollMs: round === 5 ? 600_000 : 60_000 });
    await closing;
  }
  await producer.add("a", null, { delay: 300 });
  await eventually(() => expect(runs).toBe(6), 5000);
  await last.close();
  await eventually(async () => expect(await redis.schedulers()).toMatchObject([{ queues: ["other"] }]));
});

test("the last worker takes its scheduler with it while another one begins", async () => {
  const { prefix, queue, worker } = setup();
  const redis = look(inject("redisUrl"), prefix);
  const producer = queue();
  let runs = 0;
  const handler = (): void => void runs++;
  let last = worker(handler);
  for (let round = 1; round <= 3; round++) {
    await producer.add("a", null, { delay: 20 });
    await eventually(() => expect(runs).toBe(round));
    const closing = last.close();
    last = worker(handler);
    await closing;
  }
  await producer.add("a", null, { delay: 20 });
  await eventually(() => expect(runs).toBe(4));
  expect(await redis.schedulers()).toMatchObject([{ queues: ["q"] }]);
});

test("an obliterated queue is served again by a scheduler that went on with others", async () => {
  const { queue, worker } = setup();
  const [one, other] = [queue({}, "one"), queue({}, "other")];
  const runs: string[] = [];
  for (const name of ["one", "other"])
    worker(({ queue }) => void runs.push(queue), { slowPollMs: 600_000 }, name);
  await Promise.all([one.add("a", null), other.add("a", null)]);
  await eventually(() => expect(runs.toSorted()).toEqual(["one", "other"]));
  await eventually(async () => expect((await one.counts()).leased).toBe(0));
  await one.obliterate();
  await one.add("a", null, { delay: 1500 });
  await other.add("a", null, { delay: 50 });
  await eventually(() => expect(runs.toSorted()).toEqual(["one", "one", "other", "other"]), 8000);
});

/** Tasks that fall due one after the other. */
const oneByOne = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: "a", data: null, opts: { delay: 200 + i * 20 } }));

test("a lone worker beside its scheduler is told of next to nothing that is due, and runs it all", async () => {
  const { prefix, queue, worker } = setup();
  const producer = queue({ shards: 1 });
  let runs = 0;
  const one = worker(() => void runs++);
  const listener = new Redis(inject("redisUrl"));
  onTestFinished(() => listener.disconnect());
  let hints = 0;
  listener.on("smessage", () => hints++);
  await producer.add("a", null);
  await eventually(() => expect(runs).toBe(1));
  await listener.ssubscribe(wakeChannel(shardKeys({ prefix, queue: "q" }, 0, 1), one.id));
  await producer.addBulk(oneByOne(50));
  await eventually(() => expect(runs).toBe(51));
  expect(hints).toBeLessThan(25);
});

test("a worker beside the scheduler has no more than its share of what is due", async () => {
  const { prefix, queue, worker } = setup();
  const redis = look(inject("redisUrl"), prefix);
  const producer = queue({ shards: 1 });
  const runs = { beside: 0, apart: 0 };
  worker(() => void runs.apart++, { scheduler: false });
  await producer.add("a", null);
  await eventually(() => expect(runs.apart).toBe(1));
  worker(() => void runs.beside++);
  await eventually(async () => expect(await redis.owners()).toEqual([expect.stringMatching(/./)]));
  await producer.addBulk(oneByOne(60));
  await eventually(() => expect(runs.apart + runs.beside).toBe(61));
  expect(runs.apart).toBeGreaterThan(15);
  expect(runs.beside).toBeGreaterThan(15);
});

test("workers close in time while Redis is away", async () => {
  const server = await setupRedisProcess();
  await server.start();
  const { queue, worker } = setup(server.url);
  const workers = ["one", "two", "three"].map((name) => worker(() => {}, {}, name));
  await queue({}, "one").add("a", null);
  await eventually(async () => expect((await queue({}, "one").counts()).ready).toBe(0));
  await server.kill("SIGKILL");
  const closingMs = performance.now();
  await Promise.all(workers.map(async (one) => await one.close({ graceMs: 0 })));
  expect(performance.now() - closingMs).toBeLessThan(12_000);
});

test("a process whose workers are closed leaves no member, and ends by itself", async () => {
  const { prefix } = setup();
  const redis = look(inject("redisUrl"), prefix);
  const options = { connection: inject("redisUrl"), prefix, scheduler: true };
  const role = await startRole({ role: "worker", queues: QUEUES, options });
  await eventually(async () =>
    expect(await redis.schedulers()).toMatchObject([{ queues: QUEUES, pid: role.child.pid }]),
  );
  await role.signal("SIGTERM");
  expect(role.child.exitCode).toBe(0);
  expect(await redis.schedulers()).toEqual([]);
});
