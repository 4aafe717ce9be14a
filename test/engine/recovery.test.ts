import { Redis } from "ioredis";
import { pino } from "pino";
import { expect, inject, onTestFinished, test } from "vitest";
import { setupRedisProcess } from "../dev/setup.ts";
import { eventually, setup } from "../support/fixture.ts";
import { idsOf, startRole } from "../support/role-process.ts";

const LEASE_MS = 1500;

/** Options as another process can be given them. */
function optionsFor(prefix: string, more: Record<string, unknown> = {}) {
  return { connection: inject("redisUrl"), prefix, ...more };
}

test("tasks of a killed worker start again within their lease and a second", async () => {
  const { prefix, queue } = setup();
  const producer = queue({ defaults: { attempts: 3 } });
  const options = optionsFor(prefix, { leaseMs: LEASE_MS, concurrency: 20 });
  await startRole({ role: "scheduler", options: optionsFor(prefix) });
  const doomed = await startRole({ role: "worker", handlerMs: 60_000, options });
  const added = await producer.addBulk(Array.from({ length: 20 }, (_, data) => ({ name: "a", data })));
  await eventually(() => expect(idsOf(doomed.told, "started")).toHaveLength(added.length));
  const heir = await startRole({ role: "worker", handlerMs: 0, options });
  const killedAtMs = Date.now();
  await doomed.signal("SIGKILL");
  await eventually(() => expect(idsOf(heir.told, "completed")).toHaveLength(added.length));
  const lastStartMs = Math.max(
    ...heir.told.filter(({ event }) => event === "started").map(({ atMs }) => atMs),
  );
  expect(lastStartMs - killedAtMs).toBeLessThanOrEqual(LEASE_MS + 1000);
  expect(heir.told.filter(({ event }) => event === "started").every(({ attempt }) => attempt === 2)).toBe(
    true,
  );
  expect((await producer.stats()).counters).toEqual({ added: 20, recovered: 20, completed: 20 });
});

test("a worker that was frozen past its lease is told, and its late settle is refused", async () => {
  const { prefix, queue } = setup();
  const producer = queue({ shards: 1, defaults: { attempts: 3 } });
  await startRole({ role: "scheduler", options: optionsFor(prefix) });
  const frozen = await startRole({
    role: "worker",
    handlerMs: 500,
    options: optionsFor(prefix, { leaseMs: LEASE_MS }),
  });
  const { id } = await producer.add("a", null);
  await eventually(() => expect(idsOf(frozen.told, "started")).toEqual([id]));
  await frozen.signal("SIGSTOP");
  const heir = await startRole({ role: "worker", options: optionsFor(prefix, { leaseMs: LEASE_MS }) });
  await eventually(() => expect(idsOf(heir.told, "completed")).toEqual([id]));
  await frozen.signal("SIGCONT");
  await eventually(() => expect(idsOf(frozen.told, "returned")).toEqual([id]));
  await eventually(() => expect(idsOf(frozen.told, "leaseLost")).toEqual([id]));
  expect(idsOf(frozen.told, "aborted")).toEqual([id]);
  expect(idsOf(frozen.told, "completed")).toEqual([]);
  const fences = [frozen, heir].map(({ told }) => told.find(({ event }) => event === "started")?.fence ?? 0);
  expect(fences[1]).toBeGreaterThan(fences[0] ?? 0);
  expect((await producer.stats()).counters).toEqual({ added: 1, recovered: 1, completed: 1 });
});

test("a task whose worker dies with it too often is buried, with that as the reason", async () => {
  const { prefix, queue, scheduler } = setup();
  const producer = queue({ defaults: { attempts: 10, deathsMax: 2 } });
  scheduler();
  const { id } = await producer.add("poison", null);
  for (let death = 1; death <= 2; death++) {
    const options = optionsFor(prefix, { leaseMs: 1000 });
    const doomed = await startRole({ role: "worker", handlerMs: 60_000, options });
    await eventually(() => expect(idsOf(doomed.told, "started")).toEqual([id]));
    await doomed.signal("SIGKILL");
  }
  await eventually(async () =>
    expect(await producer.get(id)).toMatchObject({
      state: "dead",
      attempt: 2,
      error: { name: "LeaseExpired" },
    }),
  );
});

test("due tasks run with every scheduler dead", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  let completed = 0;
  worker(() => {}, { scheduler: false, slowPollMs: 500 }).on("completed", () => completed++);
  await producer.addBulk(
    Array.from({ length: 50 }, (_, data) => ({ name: "a", data, opts: { delay: data * 10 } })),
  );
  await eventually(() => expect(completed).toBe(50));
});

test("due tasks run soon, although the only scheduler was killed", async () => {
  const { prefix, queue, worker } = setup();
  const producer = queue();
  const doomed = await startRole({ role: "scheduler", options: optionsFor(prefix) });
  let completed = 0;
  worker(() => {}, { scheduler: false, slowPollMs: 600_000 }).on("completed", () => completed++);
  await producer.add("warm", null);
  await eventually(() => expect(completed).toBe(1));
  await doomed.signal("SIGKILL");
  await producer.addBulk(
    Array.from({ length: 50 }, (_, data) => ({ name: "a", data, opts: { delay: 3000 + data * 20 } })),
  );
  await eventually(() => expect(completed).toBe(51), 20_000);
});

test("due tasks run with all pub/sub refused", async () => {
  const admin = new Redis(inject("redisUrl"));
  const user = `mute${process.pid}`;
  await admin.call("ACL", "SETUSER", user, "on", ">secret", "~*", "resetchannels", "+@all");
  onTestFinished(async () => {
    await admin.call("ACL", "DELUSER", user);
    admin.disconnect();
  });
  const { host, port } = admin.options;
  const { queue, worker } = setup({
    host: host ?? "",
    port: port ?? 0,
    username: user,
    password: "secret",
  });
  const producer = queue();
  let completed = 0;
  worker(() => {}).on("completed", () => completed++);
  await producer.addBulk(
    Array.from({ length: 50 }, (_, data) => ({ name: "a", data, opts: { delay: data * 20 } })),
  );
  await eventually(() => expect(completed).toBe(50));
});

test("another scheduler takes over within four seconds when one is killed", async () => {
  const { prefix, queue, worker, scheduler } = setup();
  const producer = queue();
  const doomed = await startRole({ role: "scheduler", options: optionsFor(prefix) });
  scheduler();
  const starts = new Map<string, number>();
  worker((task) => void starts.set(task.id, Date.now()), { scheduler: false, slowPollMs: 600_000 });
  await producer.add("warm", null);
  await eventually(() => expect(starts.size).toBe(1));
  await doomed.signal("SIGKILL");
  const killedAtMs = Date.now();
  await producer.addBulk(
    Array.from({ length: 40 }, (_, data) => ({ name: "a", data, opts: { delay: 200 } })),
  );
  await eventually(() => expect(starts.size).toBe(41));
  expect(Math.max(...starts.values()) - killedAtMs).toBeLessThanOrEqual(4000);
});

test("a scheduler that closes hands its shards over at once", async () => {
  const { prefix, queue, scheduler } = setup();
  const producer = queue({ shards: 8 });
  await producer.add("warm", null, { delay: 3_600_000 });
  const [leaver, heir] = [scheduler(), scheduler()];
  const redis = new Redis(inject("redisUrl"));
  onTestFinished(() => redis.disconnect());
  const owners = async (): Promise<Set<string | null>> => {
    const keys = await redis.keys(`${prefix}:*:seq`);
    const all = await Promise.all(keys.map(async (key) => await redis.hget(key, "owner")));
    return new Set(all);
  };
  await eventually(async () => {
    const seen = await owners();
    expect(seen.has(leaver.id) && seen.has(heir.id)).toBe(true);
  });
  await leaver.close();
  const closedMs = performance.now();
  await eventually(async () => {
    const seen = await owners();
    expect(seen.has(leaver.id)).toBe(false);
    expect(seen.has(heir.id)).toBe(true);
  });
  expect(performance.now() - closedMs).toBeLessThan(2000);
});

test("goes on by itself after Redis was killed and restarted", async () => {
  const redis = await setupRedisProcess({ config: { appendonly: "yes", appendfsync: "always" } });
  await redis.start();
  const { queue, worker } = setup(redis.url);
  const producer = queue();
  let completed = 0;
  worker(() => {}).on("completed", () => completed++);
  await producer.add("before", null);
  await eventually(() => expect(completed).toBe(1));
  const pending = await producer.addBulk(
    Array.from({ length: 100 }, (_, data) => ({ name: "a", data, opts: { delay: 300 } })),
  );
  await redis.kill("SIGKILL");
  const duringOutage = producer.add("during", null);
  await redis.start();
  await duringOutage;
  await eventually(() => expect(completed).toBe(pending.length + 2));
  expect((await producer.stats()).counters).toEqual({ added: 102, completed: 102 });
});

test("a scheduler that closed ticks no more, whoever comes and goes", async () => {
  const { queue, worker, scheduler } = setup();
  await queue().add("warm", null, { delay: 3_600_000 });
  for (let round = 0; round < 3; round++) {
    const lines: unknown[] = [];
    const logger = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const one = scheduler({ logger });
    const other = worker(() => {}, { logger });
    await Promise.all([one.close(), other.close()]);
    expect(lines.filter((line) => (line as { msg: string }).msg === "will try again")).toEqual([]);
  }
});
