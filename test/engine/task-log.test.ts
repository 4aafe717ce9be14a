import { readFileSync } from "node:fs";
import { pino, type Logger } from "pino";
import { expect, test } from "vitest";
import { RetryLater, UnrecoverableError, type TaskLogLevel } from "../../src/index.ts";
import { Connection } from "../../src/store/connection.ts";
import { STEPS } from "../../src/runtime/task-log.ts";
import { QueueStore, within } from "../../src/store/queue-store.ts";
import { deferred, eventually, setup as setupEngine } from "../support/fixture.ts";
import { keysTwice } from "../support/json-keys.ts";

type Line = Record<string, unknown>;

const OF_THE_TASK = ["queue", "taskId", "taskName", "shard", "msg"];

/** An engine whose parts log into lists. */
function setup() {
  const engine = setupEngine();
  const texts: string[] = [];
  return {
    ...engine,
    texts,
    /** What is given to a part so that it logs. */
    logging: (level: string, taskLogLevel?: TaskLogLevel) => ({
      logger: pino({ level, base: null, timestamp: false }, { write: (text) => void texts.push(text) }),
      ...(taskLogLevel && { taskLogLevel }),
    }),
    lines: (): Line[] => texts.map((text) => JSON.parse(text) as Line),
    /** Of the steps of one task, in order, without what is the same in all. */
    steps: (taskId: string): Line[] =>
      texts
        .map((text) => JSON.parse(text) as Line)
        .filter((line) => line["taskId"] === taskId)
        .map((line) =>
          Object.fromEntries(Object.entries(line).filter(([field]) => !OF_THE_TASK.includes(field))),
        ),
  };
}

const DEBUG = 20;
const INFO = 30;
const WARN = 40;

test("logs each step of a task's life in one line", async () => {
  const { queue, worker, logging, steps, lines, texts } = setup();
  const tasks = queue(logging("debug"));
  const { id: good, dueAtMs } = await tasks.add("good", { secret: "payload" });
  const { id: bad } = await tasks.add("bad", "payload", {
    attempts: 2,
    backoff: { type: "fixed", delay: 5 },
  });
  const { id: later } = await tasks.add("later", "payload");
  let wasPostponed = false;
  worker(
    {
      good: () => ({ result: "payload" }),
      bad: () => {
        throw new TypeError("no way");
      },
      later: () => {
        if (!wasPostponed) {
          wasPostponed = true;
          throw new RetryLater(10);
        }
      },
    },
    logging("debug"),
  );
  await eventually(async () =>
    expect((await tasks.stats()).counters).toMatchObject({ completed: 2, dead: 1 }),
  );
  await eventually(() => expect(steps(bad)).toHaveLength(7));
  await eventually(() => expect(steps(later)).toHaveLength(5));
  expect(steps(good)).toEqual([
    { level: DEBUG, event: "task.added", dueAtMs },
    { level: DEBUG, event: "task.started", attempt: 1, lagMs: expect.any(Number) },
    { level: DEBUG, event: "task.completed", attempt: 1, durationMs: expect.any(Number), outcome: "success" },
  ]);
  expect(steps(bad)).toEqual([
    { level: DEBUG, event: "task.added", dueAtMs: expect.any(Number) },
    { level: DEBUG, event: "task.started", attempt: 1, lagMs: expect.any(Number) },
    {
      level: INFO,
      event: "task.failed",
      attempt: 1,
      durationMs: expect.any(Number),
      retryInMs: 5,
      outcome: "failure",
      error: { type: "TypeError", message: "no way", stack: expect.stringContaining("task-log.test.ts") },
    },
    {
      level: DEBUG,
      event: "task.retried",
      attempt: 1,
      retryInMs: 5,
      error: { type: "TypeError", message: "no way" },
    },
    { level: DEBUG, event: "task.started", attempt: 2, lagMs: expect.any(Number) },
    expect.objectContaining({ level: INFO, event: "task.failed", attempt: 2, outcome: "failure" }),
    {
      level: WARN,
      event: "task.buried",
      attempt: 2,
      outcome: "failure",
      error: { type: "TypeError", message: "no way", stack: expect.any(String) },
    },
  ]);
  expect(steps(bad)[5]).not.toHaveProperty("retryInMs");
  expect(steps(later).map(({ event }) => event)).toEqual([
    "task.added",
    "task.started",
    "task.postponed",
    "task.started",
    "task.completed",
  ]);
  for (const line of lines()) expect(line).toMatchObject({ queue: "q", shard: expect.any(Number) });
  expect(texts.flatMap(keysTwice)).toEqual([]);
  expect(texts.join("")).not.toContain("payload");
});

test("logs time-outs, expiries, releases, lost leases and what becomes of unhandled tasks", async () => {
  const { queue, worker, logging, steps, lines } = setup();
  const tasks = queue();
  const slow = await tasks.add("slow", null, { timeoutMs: 20, attempts: 1 });
  const held = await tasks.add("held", null);
  const left = await tasks.add("left", null);
  const unknown = await tasks.add("unknown", null);
  const late = await tasks.add("slow", null, { at: Date.now() - 60_000, expireMs: 1000 });
  const running = deferred();
  let started = 0;
  const wait = async (): Promise<void> => {
    if (++started === 2) running.resolve();
    await new Promise(() => {});
  };
  const runner = worker(
    { slow: async () => await new Promise(() => {}), held: wait, left: wait },
    { ...logging("debug"), leaseMs: 1000 },
  );
  await running.promise;
  expect(await tasks.cancel(held.id, { abort: true })).toBe("cancelled");
  const eventsOf = ({ id }: { id: string }) => steps(id).map(({ event }) => event);
  await eventually(() => expect(eventsOf(held)).toEqual(["task.started", "task.lease_lost"]));
  await eventually(() => expect(eventsOf(slow)).toEqual(["task.started", "task.timed_out", "task.buried"]));
  await eventually(() => expect(eventsOf(unknown)).toEqual(["task.postponed"]));
  await eventually(() => expect(eventsOf(late)).toEqual(["task.expired"]));
  await runner.close({ graceMs: 0 });
  expect(eventsOf(left)).toEqual(["task.started", "task.released"]);
  expect(steps(slow.id)[1]).toMatchObject({
    level: INFO,
    durationMs: expect.any(Number),
    error: { type: "TaskTimeoutError" },
  });
  expect(steps(held.id)[1]).toMatchObject({ level: WARN, attempt: 1, outcome: "unknown" });
  expect(lines()).toContainEqual({
    level: WARN,
    queue: "q",
    expired: 1,
    lagMaxMs: expect.any(Number),
    msg: "tasks were claimed later than their expireMs allows, and are not run",
  });
});

test("logs what is done to tasks, but only if something was", async () => {
  const { queue, worker, logging, lines } = setup();
  const tasks = queue({ ...logging("debug"), shards: 1 });
  const opts = { delay: 60_000 };
  await tasks.addBulk(["a", "b", "c"].map((id) => ({ name: "n", data: 0, opts: { ...opts, id } })));
  await tasks.add("n", 0, { ...opts, id: "a" });
  await tasks.update("a", { secret: "payload" });
  await tasks.reschedule("a", { delay: 70_000 });
  await tasks.cancel(["a", "a", "b"]);
  await tasks.runNow("c");
  worker(() => {
    throw new UnrecoverableError("no");
  });
  await eventually(async () => expect(await tasks.counts()).toMatchObject({ dead: 1 }));
  await tasks.pause();
  await tasks.requeue("c");
  await tasks.purge("c");
  expect(lines().map(({ event, taskId }) => `${String(event)} ${String(taskId)}`)).toEqual([
    "task.added a",
    "task.added b",
    "task.added c",
    "task.existed a",
    "task.updated a",
    "task.rescheduled a",
    "task.cancelled a",
    "task.cancelled b",
    "task.made_due c",
    "task.requeued c",
  ]);
});

test("names each task whose lease expired", async () => {
  const { queue, scheduler, base, prefix, logging, steps, lines } = setup();
  const tasks = queue({ shards: 1, defaults: { attempts: 2 } });
  const { id: kept } = await tasks.add("n", null);
  const { id: spent } = await tasks.add("n", null, { attempts: 1 });
  const connection = Connection.acquire(base.connection, base.logger);
  try {
    const store = new QueueStore(connection, { prefix, queue: "q" });
    const [keys] = store.shards(1);
    if (keys === undefined) throw new Error("no shard");
    const claim = { worker: "gone", number: 1, leaseMs: 1000, count: 10 };
    expect(await store.claim(keys, claim, within())).toMatchObject({ word: "CLAIMED" });
  } finally {
    connection.release();
  }
  scheduler(logging("debug"));
  await eventually(() => expect(steps(kept)).toEqual([{ level: INFO, event: "task.recovered" }]));
  expect(steps(spent)).toEqual([
    {
      level: WARN,
      event: "task.buried",
      outcome: "failure",
      error: { type: "LeaseExpired", message: expect.any(String) },
    },
  ]);
  expect(lines()).toContainEqual({
    level: WARN,
    queue: "q",
    shard: 0,
    recovered: 1,
    buried: 1,
    msg: "leases expired",
  });
});

test.each([
  ["debug", undefined, ["added", "started", "failed", "retried", "started", "completed"]],
  ["info", undefined, ["failed"]],
  ["warn", undefined, []],
  ["info", "info", ["added", "started", "failed", "retried", "started", "completed"]],
  ["warn", "warn", ["added", "started", "failed", "retried", "started", "completed"]],
  ["trace", "silent", []],
] as const)("at %s, with steps at %s, logs %s", async (level, taskLogLevel, expected) => {
  const { queue, worker, logging, lines } = setup();
  const tasks = queue(logging(level, taskLogLevel));
  const settled = deferred();
  const runner = worker(
    ({ attempt }) => {
      if (attempt === 1) throw new Error("no");
    },
    logging(level, taskLogLevel),
  );
  runner.on("completed", () => settled.resolve());
  await tasks.add("n", null, { backoff: { type: "fixed", delay: 1 } });
  await settled.promise;
  const events = lines().map(({ event }) => String(event));
  expect(events.toSorted()).toEqual(expected.map((step) => `task.${step}`).toSorted());
  expect(new Set(lines().map((line) => line["level"])).size).toBeLessThanOrEqual(2);
});

test("follows a level that is changed while it runs", async () => {
  const { queue, logging, lines } = setup();
  const options = logging("info");
  const tasks = queue(options);
  await tasks.add("n", null);
  options.logger.level = "debug";
  await tasks.add("n", null);
  options.logger.level = "info";
  await tasks.add("n", null);
  expect(lines()).toHaveLength(1);
});

test("shows payloads if it is told to", async () => {
  const { queue, worker, logging, lines } = setup();
  const options = { ...logging("debug"), logPayloads: true };
  const tasks = queue(options);
  const completed = deferred();
  worker(() => {}, options).on("completed", () => completed.resolve());
  await tasks.add("n", { secret: 1 });
  await completed.promise;
  expect(lines().map(({ event, data }) => [event, data])).toEqual(
    expect.arrayContaining([
      ["task.added", { secret: 1 }],
      ["task.started", { secret: 1 }],
      ["task.completed", undefined],
    ]),
  );
});

test("gives handlers a log whose lines name their task", async () => {
  const { queue, worker, logging, lines } = setup();
  const tasks = queue({ shards: 1 });
  const completed = deferred();
  worker((_, { log }) => log.info({ step: 1 }, "halfway"), logging("info")).on("completed", () =>
    completed.resolve(),
  );
  const { id } = await tasks.add("n", null);
  await completed.promise;
  expect(lines()).toEqual([
    { level: INFO, queue: "q", taskId: id, taskName: "n", shard: 0, attempt: 1, step: 1, msg: "halfway" },
  ]);
});

test("logs what a bulk has added, though the rest of it failed", async () => {
  const { queue, logging, lines } = setup();
  const tasks = queue({ ...logging("debug"), shards: 1 });
  const durability = { replicas: 1, timeoutMs: 20 };
  const bulk = [
    { name: "n", data: 0, opts: { id: "a" } },
    { name: "n", data: 0, opts: { id: "b", durability } },
  ];
  await expect(tasks.addBulk(bulk)).rejects.toMatchObject({ added: ["a"], refused: ["b"] });
  expect(lines()).toEqual([expect.objectContaining({ event: "task.added", taskId: "a" })]);
});

test.each([
  [
    "throws",
    pino({
      level: "trace",
      mixin: () => {
        throw new Error("no line");
      },
    }),
  ],
  ["cannot say its level", { ...pino({ level: "silent" }), isLevelEnabled: undefined } as unknown as Logger],
])("loses no task to a logger that %s", async (_, logger) => {
  const { queue, worker } = setup();
  const tasks = queue({ logger });
  let attempts = 0;
  worker(
    {
      good: () => {
        if (++attempts === 1) throw new Error("once");
      },
    },
    { logger, concurrency: 1 },
  );
  await tasks.add("unknown", null);
  await tasks.add("good", null, { backoff: { type: "fixed", delay: 1 } });
  await eventually(async () =>
    expect((await tasks.stats()).counters).toMatchObject({ completed: 1, retried: 1 }),
  );
});

test("refuses a level that there is not", () => {
  const { queue } = setup();
  expect(() => queue({ taskLogLevel: "loud" as TaskLogLevel })).toThrow(
    /Expected `taskLogLevel` to be "trace" or .*, got `"?loud"?`/,
  );
});

test("logs the steps that docs/logs.md says, at least at the levels that it says", () => {
  const docs = readFileSync(new URL("../../docs/logs.md", import.meta.url), "utf8");
  const rows = [...docs.matchAll(/^\| `task\.(\w+)` +\| (?:`(\w+)`)?/gm)];
  expect(Object.fromEntries(rows.map(([, step, least = "trace"]) => [step, least]))).toEqual(
    Object.fromEntries(Object.entries(STEPS).map(([step, { least }]) => [step, least])),
  );
});
