import { Redis } from "ioredis";
import { expect, inject, onTestFinished, test } from "vitest";
import { DelayqError, Queue, Scheduler, Worker } from "../../src/index.ts";
import { setup } from "../support/fixture.ts";

/** Everything that is wrong is refused before anything is written, with a stable code and a message that says what came. */
const CONTROL = "a\u0007b";

async function refusalOf(run: () => unknown): Promise<DelayqError> {
  try {
    await run();
  } catch (error) {
    expect(error).toBeInstanceOf(DelayqError);
    return error as DelayqError;
  }
  throw new Error("expected a refusal");
}

const badOptions: [name: string, options: object, code: string, message: RegExp][] = [
  ["an unknown option", { dealy: 5 }, "DELAYQ_INVALID_OPTION", /`dealy`.*Known are: .*delay/],
  ["a negative delay", { delay: -1 }, "DELAYQ_INVALID_TIME", /`delay` to be an integer from 0 .* got `-1`/],
  ["a delay that is NaN", { delay: Number.NaN }, "DELAYQ_INVALID_TIME", /got `NaN`/],
  ["an infinite delay", { delay: Number.POSITIVE_INFINITY }, "DELAYQ_INVALID_TIME", /got `Infinity`/],
  ["a delay beyond the year 9999", { delay: 8e15 }, "DELAYQ_INVALID_TIME", /`delay`/],
  ["a delay that is a text", { delay: "5" }, "DELAYQ_INVALID_TIME", /got `"5"`/],
  ["an instant beyond the year 9999", { at: 8e15 }, "DELAYQ_INVALID_TIME", /`at` to be a Date or epoch/],
  ["an invalid Date", { at: new Date(Number.NaN) }, "DELAYQ_INVALID_TIME", /`at`/],
  ["both times", { at: 1, delay: 1 }, "DELAYQ_INVALID_TIME", /got both/],
  ["an id with a control character", { id: CONTROL }, "DELAYQ_INVALID_ID", /1 to 256 bytes/],
  ["an empty id", { id: "" }, "DELAYQ_INVALID_ID", /got `""`/],
  ["an id of more than 256 bytes", { id: "ä".repeat(129) }, "DELAYQ_INVALID_ID", /1 to 256 bytes/],
  ["an id that is a number", { id: 7 }, "DELAYQ_INVALID_ID", /`id` to be a text, got `7`/],
  ["half a surrogate pair as an id", { id: "\ud800" }, "DELAYQ_INVALID_ID", /id/],
  ["a priority of 10", { priority: 10 }, "DELAYQ_INVALID_OPTION", /integer from 0 to 9, got `10`/],
  ["a broken priority", { priority: 1.5 }, "DELAYQ_INVALID_OPTION", /integer from 0 to 9, got `1.5`/],
  ["a negative expireMs", { expireMs: -1 }, "DELAYQ_INVALID_OPTION", /`expireMs` to be an integer from 0 to/],
  ["a broken expireMs", { expireMs: 0.5 }, "DELAYQ_INVALID_OPTION", /`expireMs`.* got `0.5`/],
  ["an expireMs of more than 24 days", { expireMs: 2 ** 31 }, "DELAYQ_INVALID_OPTION", /`expireMs`/],
  ["no attempts", { attempts: 0 }, "DELAYQ_INVALID_OPTION", /`attempts`/],
  [
    "an unknown backoff",
    { backoff: { type: "random", delay: 1 } },
    "DELAYQ_INVALID_OPTION",
    /"fixed" or "exp/,
  ],
  ["an unknown backoff option", { backoff: { type: "fixed", dealy: 1 } }, "DELAYQ_INVALID_OPTION", /backoff/],
  [
    "a jitter above 1",
    { backoff: { type: "fixed", delay: 1, jitter: 2 } },
    "DELAYQ_INVALID_OPTION",
    /from 0 to 1/,
  ],
  [
    "options that are a text",
    "soon" as unknown as object,
    "DELAYQ_INVALID_OPTION",
    /to be an object, got `"soon"`/,
  ],
  [
    "options that are null",
    null as unknown as object,
    "DELAYQ_INVALID_OPTION",
    /to be an object, got `null`/,
  ],
];

test.each(badOptions)("add refuses %s", async (_name, options, code, message) => {
  const { queue } = setup();
  const error = await refusalOf(async () => await queue().add("a", null, options));
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
});

const circular: Record<string, unknown> = {};
circular["self"] = circular;

const badPayloads: [name: string, data: unknown, code: string][] = [
  ["undefined", undefined, "DELAYQ_INVALID_DATA"],
  ["a function", () => {}, "DELAYQ_INVALID_DATA"],
  ["a symbol", Symbol("s"), "DELAYQ_INVALID_DATA"],
  ["a bigint", 10n, "DELAYQ_INVALID_DATA"],
  ["NaN", Number.NaN, "DELAYQ_INVALID_DATA"],
  ["what contains itself", circular, "DELAYQ_INVALID_DATA"],
  ["more than the limit", "x".repeat(1_048_575), "DELAYQ_DATA_TOO_LARGE"],
];

test.each(badPayloads)("add refuses a payload that is %s", async (_name, data, code) => {
  const { queue } = setup();
  const error = await refusalOf(async () => await queue().add("a", data));
  expect(error).toMatchObject({ code, message: expect.stringMatching(/^Expected the payload/) });
});

test("add takes a payload of exactly the limit", async () => {
  const { queue } = setup();
  const producer = queue({ payloadMaxBytes: 10 });
  await producer.add("a", "12345678");
  expect(await refusalOf(async () => await producer.add("a", "123456789"))).toMatchObject({
    code: "DELAYQ_DATA_TOO_LARGE",
  });
});

test.each([["", CONTROL, "x".repeat(257), 7, undefined, null, "\ud800"]].flat().map((name) => [name]))(
  "add refuses the task name %j",
  async (name) => {
    const { queue } = setup();
    const error = await refusalOf(async () => await queue().add(name as string, null));
    expect(error).toMatchObject({ code: "DELAYQ_INVALID_NAME" });
  },
);

test("add takes any text of up to 256 bytes as a task name", async () => {
  const { queue } = setup();
  const producer = queue();
  for (const name of [
    "a",
    "with space",
    "{braces}:colons",
    "ünï",
    "日本",
    "x".repeat(256),
    "ä".repeat(128),
    "0",
  ]) {
    const { id } = await producer.add(name, null, { delay: 60_000 });
    expect(await producer.get(id)).toMatchObject({ name, data: null });
  }
});

const badNames = ["", "a b", "a:b", "a{b", "a}b", "a\nb", CONTROL, "x".repeat(129), 5, undefined];

test.each(badNames.map((name) => [name]))("a queue cannot be called %j", async (name) => {
  const { base } = setup();
  for (const make of [
    () => new Queue(name as string, base),
    () => new Worker(name as string, () => {}, base),
    () => new Scheduler([name as string], base),
  ]) {
    expect(await refusalOf(make)).toMatchObject({ code: "DELAYQ_INVALID_NAME" });
  }
});

test.each([["a b"], ["a:b"], ["{a}"], [""]])("a prefix cannot be %j", async (prefix) => {
  const { base } = setup();
  expect(await refusalOf(() => new Queue("q", { ...base, prefix }))).toMatchObject({
    code: "DELAYQ_INVALID_NAME",
  });
});

const badConstructions: [name: string, make: (base: object) => unknown, code: string, message: RegExp][] = [
  [
    "an unknown option of Queue",
    (base) => new Queue("q", { ...base, shard: 4 } as object),
    "OPTION",
    /`shard`/,
  ],
  ["no shards", (base) => new Queue("q", { ...base, shards: 0 }), "OPTION", /from 1 to 1024, got `0`/],
  ["too many shards", (base) => new Queue("q", { ...base, shards: 1025 }), "OPTION", /got `1025`/],
  [
    "unknown defaults",
    (base) => new Queue("q", { ...base, defaults: { delay: 1 } as object }),
    "OPTION",
    /`delay`/,
  ],
  ["a short lease", (base) => new Worker("q", () => {}, { ...base, leaseMs: 0 }), "OPTION", /at least|1000/],
  [
    "no concurrency",
    (base) => new Worker("q", () => {}, { ...base, concurrency: 0 }),
    "OPTION",
    /`concurrency`/,
  ],
  [
    "a scheduler that is a text",
    (base) => new Worker("q", () => {}, { ...base, scheduler: "no" } as object),
    "OPTION",
    /true or false/,
  ],
  ["no handler", (base) => new Worker("q", undefined as never, base), "HANDLER", /a function/],
  ["a handler that is a text", (base) => new Worker("q", { a: "b" } as never, base), "HANDLER", /got/],
  ["no queues", (base) => new Scheduler([], base), "OPTION", /at least one/],
  ["queues that are a text", (base) => new Scheduler("q" as never, base), "OPTION", /a list/],
  [
    "a connection that is no URL",
    (base) => new Queue("q", { ...base, connection: "localhost" }),
    "OPTION",
    /redis:\/\//,
  ],
  [
    "a connection that is a number",
    (base) => new Queue("q", { ...base, connection: 6379 as never }),
    "OPTION",
    /got/,
  ],
  [
    "a connection with a keyPrefix",
    (base) => new Queue("q", { ...base, connection: { keyPrefix: "x" } }),
    "OPTION",
    /keyPrefix/,
  ],
];

test.each(badConstructions)("refuses %s", async (_name, make, code, message) => {
  const { base } = setup();
  const error = await refusalOf(() => make(base));
  expect(error).toMatchObject({ code: `DELAYQ_INVALID_${code}`, message: expect.stringMatching(message) });
});

test.each(["keyPrefix=x", "maxRetriesPerRequest=20"])("a URL cannot set %s", async (query) => {
  const { base } = setup();
  const error = await refusalOf(
    () => new Queue("q", { ...base, connection: `redis://127.0.0.1:1?${query}` }),
  );
  expect(error).toMatchObject({ code: "DELAYQ_INVALID_OPTION" });
});

test.each([[null], [5], [{ state: "done" }]])("requeue refuses the filter %j", async (filter) => {
  const { queue } = setup();
  const error = await refusalOf(async () => await queue().requeue(filter as never));
  expect(error).toMatchObject({ code: "DELAYQ_INVALID_OPTION" });
});

test("no password is shown when a URL is refused", async () => {
  const { base } = setup();
  const error = await refusalOf(() => new Queue("q", { ...base, connection: "http://u:hush@h:1" }));
  expect(error.message).not.toContain("hush");
});

test("refuses another number of shards than the queue has", async () => {
  const { queue } = setup();
  await queue({ shards: 4 }).add("a", null);
  for (const use of [
    async () => await queue({ shards: 8 }).add("a", null),
    async () => await queue({ shards: 8 }).get("x"),
  ]) {
    expect(await refusalOf(use)).toMatchObject({
      code: "DELAYQ_SHARDS_MISMATCH",
      message: expect.stringMatching(/to be 4, .* got `8`/),
    });
  }
});

test("verbs refuse bad ids, times, payloads, states and filters", async () => {
  const { queue } = setup();
  const producer = queue();
  const { id } = await producer.add("a", null, { delay: 60_000 });
  const bad: [() => unknown, string][] = [
    [async () => await producer.get(CONTROL), "DELAYQ_INVALID_ID"],
    [async () => await producer.cancel(""), "DELAYQ_INVALID_ID"],
    [async () => await producer.runNow(7 as never), "DELAYQ_INVALID_ID"],
    [async () => await producer.reschedule(id, {} as never), "DELAYQ_INVALID_TIME"],
    [async () => await producer.reschedule(id, { delay: -1 }), "DELAYQ_INVALID_TIME"],
    [async () => await producer.reschedule(id, { at: Number.NaN }), "DELAYQ_INVALID_TIME"],
    [async () => await producer.update(id, undefined), "DELAYQ_INVALID_DATA"],
    [async () => await producer.list("lost" as never).next(), "DELAYQ_INVALID_OPTION"],
    [async () => await producer.list("dead", { limit: -1 }).next(), "DELAYQ_INVALID_OPTION"],
    [async () => await producer.requeue({ nam: "a" } as never), "DELAYQ_INVALID_OPTION"],
    [async () => await producer.purge([CONTROL]), "DELAYQ_INVALID_ID"],
    [async () => await producer.cancel(id, { abrot: true } as never), "DELAYQ_INVALID_OPTION"],
    [async () => await producer.runNow(id, { durability: "sync" } as never), "DELAYQ_INVALID_OPTION"],
    [async () => await producer.obliterate({ froce: true } as never), "DELAYQ_INVALID_OPTION"],
  ];
  for (const [use, code] of bad) expect(await refusalOf(use)).toMatchObject({ code });
  expect(await producer.get(id)).toMatchObject({ state: "delayed", data: null });
});

test.each([
  ["sync"],
  [{ replicas: 0, timeoutMs: 100 }],
  [{ replicas: 1.5, timeoutMs: 100 }],
  [{ replicas: 1 }],
  [{ replicas: 1, timeoutMs: 0 }],
  [{ replicas: 1, timeoutMs: 5001 }],
  [{ replicas: 1, timeoutMs: 100, disks: 1 }],
])("refuses the durability %j, of a queue and of a call", async (durability) => {
  const { queue, base } = setup();
  const producer = queue();
  const wrong = { durability } as never;
  for (const use of [
    () => new Queue("q", { ...base, ...(wrong as object) }),
    async () => await producer.add("a", null, wrong),
    async () => await producer.pause(wrong),
  ]) {
    expect(await refusalOf(use)).toMatchObject({
      code: "DELAYQ_INVALID_OPTION",
      message: expect.stringMatching(/`durability/),
    });
  }
});

test("addBulk writes nothing when one of its tasks is bad", async () => {
  const { queue, prefix } = setup();
  const producer = queue();
  const tasks = [
    { name: "a", data: 1 },
    { name: "a", data: 2, opts: { delay: -1 } },
  ];
  expect(await refusalOf(async () => await producer.addBulk(tasks))).toMatchObject({
    code: "DELAYQ_INVALID_TIME",
  });
  const redis = new Redis(inject("redisUrl"));
  onTestFinished(() => redis.disconnect());
  expect(await redis.keys(`*${prefix}*`)).toEqual([]);
});

test("addBulk refuses what is no field of a task", async () => {
  const { queue } = setup();
  const tasks = [{ name: "a", data: 1, id: "mine" }] as never;
  const error = await refusalOf(async () => await queue().addBulk(tasks));
  expect(error).toMatchObject({ code: "DELAYQ_INVALID_OPTION", message: expect.stringMatching(/`id`/) });
});

test("an add with Redis away is refused in time, saying that nothing was added", async () => {
  const { queue } = setup("redis://127.0.0.1:1");
  const producer = queue({ addTimeoutMs: 300 });
  const startMs = performance.now();
  expect(await refusalOf(async () => await producer.add("a", null))).toMatchObject({
    code: "DELAYQ_REDIS_UNAVAILABLE",
  });
  expect(performance.now() - startMs).toBeLessThan(3000);
});

test("what waits for Redis is bounded", async () => {
  const { queue } = setup("redis://127.0.0.1:1");
  const producer = queue({ addTimeoutMs: 500, waitingMax: 10 });
  const adds = Array.from(
    { length: 12 },
    async () => await refusalOf(async () => await producer.add("a", null)),
  );
  const codes = (await Promise.all(adds)).map(({ code }) => code);
  expect(codes.filter((code) => code === "DELAYQ_OVERLOADED")).toHaveLength(2);
});

test("a closed queue says so", async () => {
  const { queue } = setup();
  const producer = queue();
  await producer.close();
  expect(await refusalOf(async () => await producer.add("a", null))).toMatchObject({ code: "DELAYQ_CLOSED" });
});
