import { expect, onTestFinished, test } from "vitest";
import { Queue, RetryLater, UnrecoverableError, Worker, type Task } from "../../src/index.ts";
import { deferred, eventually, setup } from "../support/fixture.ts";

test("runs a task once it is due, never before", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  const started = deferred<Task>();
  worker((task) => started.resolve(task));
  const added = await producer.add("greet", { name: "Ada" }, { delay: 200 });
  const task = await started.promise;
  expect(task).toMatchObject({
    id: added.id,
    name: "greet",
    data: { name: "Ada" },
    attempt: 1,
    state: "leased",
  });
  expect(task.startedAtMs).toBeGreaterThanOrEqual(added.dueAtMs);
  await eventually(async () =>
    expect(await producer.counts()).toEqual({
      delayed: 0,
      ready: 0,
      leased: 0,
      dead: 0,
      done: 0,
      paused: false,
    }),
  );
});

test("starts before its queue exists, and serves it soon after the first add", async () => {
  const { queue, worker } = setup();
  const started = deferred();
  worker(() => started.resolve());
  await queue().add("a", null);
  await started.promise;
});

test("emits completed after the settle is confirmed", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  const completed = deferred<[Task, unknown]>();
  worker(() => ({ answer: 42 })).on("completed", (task, result) => completed.resolve([task, result]));
  const { id } = await producer.add("a", null);
  const [task, result] = await completed.promise;
  expect([task.id, result]).toEqual([id, { answer: 42 }]);
  expect(await producer.get(id)).toBeUndefined();
});

test("keeps a result for as long as was asked", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  const completed = deferred();
  worker(() => ({ answer: 42 })).on("completed", () => completed.resolve());
  const { id } = await producer.add("a", null, { keepResultMs: 60_000 });
  await completed.promise;
  expect(await producer.get(id)).toMatchObject({ state: "done", attempt: 1, result: { answer: 42 } });
  expect(await producer.cancel(id)).toBe("done");
  expect(await producer.purge(id)).toBe("purged");
  expect(await producer.get(id)).toBeUndefined();
});

test("tries again after a failure, with its backoff, and buries when no attempt is left", async () => {
  const { queue, worker } = setup();
  const producer = queue({ defaults: { attempts: 3, backoff: { type: "fixed", delay: 30 } } });
  const attempts: number[] = [];
  const dead = deferred<Task>();
  worker((task) => {
    attempts.push(task.attempt);
    throw new Error(`attempt ${task.attempt}`);
  }).on("dead", (task) => dead.resolve(task));
  const { id } = await producer.add("a", null);
  await dead.promise;
  expect(attempts).toEqual([1, 2, 3]);
  expect(await producer.get(id)).toMatchObject({
    state: "dead",
    attempt: 3,
    error: { name: "Error", message: "attempt 3" },
  });
  expect((await producer.stats()).counters).toMatchObject({ added: 1, failed: 3, retried: 2, dead: 1 });
});

test("buries at once what is unrecoverable", async () => {
  const { queue, worker } = setup();
  const producer = queue({ defaults: { attempts: 5 } });
  const dead = deferred<Task>();
  worker(() => {
    throw new UnrecoverableError("no such user");
  }).on("dead", (task) => dead.resolve(task));
  const { id } = await producer.add("a", null);
  await dead.promise;
  expect(await producer.get(id)).toMatchObject({
    state: "dead",
    attempt: 1,
    error: { name: "UnrecoverableError" },
  });
});

test("tries later without using an attempt", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  const attempts: number[] = [];
  const completed = deferred();
  worker((task) => {
    attempts.push(task.attempt);
    if (attempts.length < 3) throw new RetryLater(20);
  }).on("completed", () => completed.resolve());
  await producer.add("a", null);
  await completed.promise;
  expect(attempts).toEqual([1, 1, 1]);
});

test("survives a handler that throws anything at all", async () => {
  const { queue, worker } = setup();
  const producer = queue({ defaults: { attempts: 1 } });
  const hostile = Object.defineProperty({}, "message", {
    get: () => {
      throw new Error("no");
    },
  });
  const proxy = new Proxy(
    {},
    {
      getPrototypeOf: () => {
        throw new Error("no");
      },
      get: () => {
        throw new Error("no");
      },
    },
  );
  const thrown: unknown[] = [
    "a text",
    undefined,
    null,
    0,
    Symbol("s"),
    10n,
    hostile,
    proxy,
    new Error("x".repeat(1_000_000)),
    () => {},
    Object.create(null),
  ];
  let deaths = 0;
  worker((task: Task) => {
    throw thrown[task.data as number];
  }).on("dead", () => deaths++);
  await producer.addBulk(thrown.map((_, data) => ({ name: "a", data })));
  await eventually(() => expect(deaths).toBe(thrown.length));
  for await (const { error } of producer.list("dead")) {
    expect(Buffer.byteLength(JSON.stringify(error))).toBeLessThanOrEqual(4096);
  }
});

test("counts a time-out as a failed attempt, tells the handler, and keeps its slot", async () => {
  const { queue, worker } = setup();
  const producer = queue({ defaults: { attempts: 1 } });
  const dead = deferred<string>();
  const aborted = deferred<unknown>();
  const finish = deferred();
  let running = 0;
  const overlaps: number[] = [];
  worker(
    async (task, { signal }) => {
      overlaps.push(++running);
      if (task.name === "slow") {
        signal.addEventListener("abort", () => aborted.resolve(signal.reason));
        await finish.promise;
      }
      running--;
    },
    { concurrency: 1 },
  ).on("dead", (_task, error) => dead.resolve(error.name));
  await producer.add("slow", null, { timeoutMs: 50 });
  expect(await dead.promise).toBe("TaskTimeoutError");
  expect(await aborted.promise).toMatchObject({ name: "TaskTimeoutError" });
  const { id } = await producer.add("quick", null);
  expect(await producer.get(id)).toMatchObject({ state: "ready" });
  finish.resolve();
  await eventually(async () => expect(await producer.get(id)).toBeUndefined());
  expect(overlaps).toEqual([1, 1]);
  const counters = { added: 2, failed: 1, timedOut: 1, dead: 1, completed: 1 };
  expect((await producer.stats()).counters).toEqual(counters);
});

test("leaves tasks that have no handler here to others", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  const completed = deferred<string>();
  const first = worker({ known: () => {} }, { unhandledDelayMs: 50 });
  await producer.add("unknown", null);
  await eventually(async () => expect((await producer.stats()).counters["released"]).toBeGreaterThan(0));
  await first.close();
  worker({ unknown: () => {} }).on("completed", (task) => completed.resolve(task.name));
  expect(await completed.promise).toBe("unknown");
});

test("runs no task that has expired while no worker lived, and runs the others", async () => {
  const { queue, worker } = setup();
  const producer = queue({ defaults: { expireMs: 40 } });
  const late = await producer.add("late", null);
  await producer.addBulk([
    { name: "never late", data: null, opts: { expireMs: 0 } },
    { name: "not late yet", data: null, opts: { expireMs: 600_000 } },
  ]);
  // Only the clock of this machine shows that the time has passed: until somebody claims it, a task is just ready.
  await eventually(() => expect(Date.now()).toBeGreaterThan(late.dueAtMs + 500));
  expect(await producer.get(late.id)).toMatchObject({ state: "ready" });
  const started: string[] = [];
  const expired: Task[] = [];
  worker((task) => void started.push(task.name)).on("expired", (task) => expired.push(task));
  const counters = { added: 3, completed: 2, expired: 1 };
  await eventually(async () => expect((await producer.stats()).counters).toEqual(counters));
  await eventually(() => expect(expired).toMatchObject([{ id: late.id, name: "late", attempt: 1 }]));
  expect(started.toSorted()).toEqual(["never late", "not late yet"]);
  expect(await producer.get(late.id)).toBeUndefined();
  expect(await producer.add("late", null, { id: late.id, delay: 60_000 })).toMatchObject({ existed: false });
});

test("counts the time to expire from when a retry is due", async () => {
  const { base } = setup();
  let nowMs = 1_700_000_000_000;
  const time = (): string => String(nowMs);
  const producer = new Queue("q", { ...base, defaults: { expireMs: 1000 } }, time);
  const attempts: number[] = [];
  const completed = deferred();
  const handler = ({ attempt }: Task): void => {
    attempts.push(attempt);
    nowMs += 5000;
    if (attempt < 3) throw new Error("no");
  };
  const one = new Worker("q", handler, base, time).on("completed", () => completed.resolve());
  onTestFinished(async () => {
    await one.close({ graceMs: 0 });
    await producer.close();
  });
  one.on("failed", () => (nowMs += 20));
  await producer.add("a", null, { backoff: { type: "fixed", delay: 20 } });
  await completed.promise;
  expect(attempts).toEqual([1, 2, 3]);
  expect((await producer.stats()).counters).toEqual({ added: 1, failed: 2, retried: 2, completed: 1 });
});

test("expires tasks that have no handler here", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  const expired = deferred<string>();
  worker({ known: () => {} }).on("expired", (task) => expired.resolve(task.name));
  await producer.add("unknown", null, { at: Date.now() - 60_000, expireMs: 1 });
  expect(await expired.promise).toBe("unknown");
  expect((await producer.stats()).counters).toEqual({ added: 1, expired: 1 });
});

test("takes higher priorities first", async () => {
  const { queue, worker } = setup();
  const producer = queue({ shards: 1 });
  const order: number[] = [];
  await producer.addBulk([0, 5, 9, 1].map((priority) => ({ name: "a", data: null, opts: { priority } })));
  worker((task) => void order.push(task.priority), { concurrency: 1 });
  await eventually(() => expect(order).toEqual([9, 5, 1, 0]));
});

test("starts nothing while the queue is paused, and goes on when it is resumed", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  const started: string[] = [];
  worker((task) => void started.push(task.name));
  await producer.add("before", null);
  await eventually(() => expect(started).toEqual(["before"]));
  await producer.pause();
  const { id } = await producer.add("during", null);
  expect(await producer.counts()).toMatchObject({ paused: true, ready: 1 });
  expect(await producer.get(id)).toMatchObject({ state: "ready" });
  expect(started).toEqual(["before"]);
  await producer.resume();
  await eventually(() => expect(started).toEqual(["before", "during"]));
});

test("finishes running tasks within the grace of close", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  const started = deferred();
  const finish = deferred();
  const one = worker(async () => {
    started.resolve();
    await finish.promise;
  });
  await producer.add("a", null);
  await started.promise;
  const closed = one.close({ graceMs: 10_000 });
  finish.resolve();
  await closed;
  expect((await producer.stats()).counters).toMatchObject({ completed: 1 });
});

test("releases what outlives the grace of close, with no attempt used", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  const started = deferred();
  const aborted = deferred();
  const one = worker(async (_task, { signal }) => {
    signal.addEventListener("abort", () => aborted.resolve());
    started.resolve();
    await new Promise(() => {});
  });
  const { id } = await producer.add("a", null);
  await started.promise;
  await one.close({ graceMs: 20 });
  await aborted.promise;
  expect(await producer.get(id)).toMatchObject({ state: "ready", attempt: 0 });
  expect((await producer.stats()).counters).toMatchObject({ released: 1 });
});

test("closing twice, or before it ran, ends", async () => {
  const { worker } = setup();
  const one = worker(() => {}, { autorun: false });
  await Promise.all([one.close(), one.close()]);
  expect(() => one.run()).toThrow(expect.objectContaining({ code: "DELAYQ_CLOSED" }));
});

test("is told when a cancel revokes the lease of a running task", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  const started = deferred();
  const finish = deferred();
  const lost = deferred<string>();
  worker(async () => {
    started.resolve();
    await finish.promise;
  }).on("leaseLost", (task) => lost.resolve(task.id));
  const { id } = await producer.add("a", null);
  await started.promise;
  expect(await producer.cancel(id)).toBe("leased");
  expect(await producer.cancel(id, { abort: true })).toBe("cancelled");
  finish.resolve();
  expect(await lost.promise).toBe(id);
  expect((await producer.stats()).counters).toEqual({ added: 1, cancelled: 1 });
});

test("renews leases of tasks that run longer than a lease", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  const completed = deferred<number>();
  worker(async (_task, { signal }) => await sleepUnless(signal, 2500), { leaseMs: 1000 }).on(
    "completed",
    (task) => completed.resolve(task.attempt),
  );
  await producer.add("a", null);
  expect(await completed.promise).toBe(1);
  expect((await producer.stats()).counters).toEqual({ added: 1, completed: 1 });
});

test("gives handlers a fence that grows, a logger and a way to report progress", async () => {
  const { queue, worker } = setup();
  const producer = queue({ shards: 1 });
  const fences: number[] = [];
  const progress: unknown[] = [];
  worker(
    (_task, context) => {
      context.log.info("running");
      context.progress(50);
      fences.push(context.fence);
    },
    { concurrency: 1 },
  ).on("progress", (_task, value) => progress.push(value));
  await producer.addBulk([1, 2, 3].map((data) => ({ name: "a", data })));
  await eventually(() => expect(fences).toHaveLength(3));
  expect(fences).toEqual(fences.toSorted((a, b) => a - b));
  expect(new Set(fences).size).toBe(3);
  expect(progress).toEqual([50, 50, 50]);
});

test("shares work among workers, each task once", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  const runs = new Map<string, number>();
  const handler = async (task: Task): Promise<void> => {
    runs.set(task.id, (runs.get(task.id) ?? 0) + 1);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const before = [worker(handler, { concurrency: 7 }), worker(handler, { concurrency: 3 }), worker(handler)];
  const added = await producer.addBulk(
    Array.from({ length: 3000 }, (_, i) => ({ name: "a", data: i, opts: { delay: i % 500 } })),
  );
  await eventually(async () => expect((await producer.stats()).counters["completed"]).toBe(added.length));
  expect(runs.size).toBe(added.length);
  expect([...runs.values()].every((count) => count === 1)).toBe(true);
  await Promise.all(before.map(async (one) => await one.close()));
});

test("holds no more tasks than it runs, so a worker that joins gets its share at once", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  const over = deferred();
  const starts = { first: 0, second: 0 };
  const slow = (who: keyof typeof starts) => async () => {
    starts[who]++;
    await over.promise;
  };
  worker(slow("first"), { concurrency: 6 });
  await producer.addBulk(Array.from({ length: 20 }, () => ({ name: "a", data: null })));
  await eventually(async () => expect(await producer.counts()).toMatchObject({ ready: 14, leased: 6 }));
  worker(slow("second"), { concurrency: 6 });
  await eventually(async () => expect(await producer.counts()).toMatchObject({ ready: 8, leased: 12 }));
  expect(starts).toEqual({ first: 6, second: 6 });
  over.resolve();
  await eventually(async () => expect(await producer.counts()).toMatchObject({ ready: 0, leased: 0 }));
});

test("gives back what it claimed ahead once its quick handlers are slow, with no attempt used", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  const over = deferred();
  let started = 0;
  let running = 0;
  let runningMax = 0;
  const seen = new Set<string>();
  const handler = async ({ id, attempt }: Task) => {
    running++;
    runningMax = Math.max(runningMax, running);
    seen.add(`${id} ${attempt}`);
    await (++started > 2000 ? over.promise : new Promise((resolve) => void setImmediate(resolve)));
    running--;
  };
  await producer.addBulk(Array.from({ length: 2500 }, () => ({ name: "a", data: null })));
  worker(handler, { concurrency: 6 });
  await eventually(async () => expect(await producer.counts()).toMatchObject({ ready: 494, leased: 6 }));
  worker(handler, { concurrency: 6 });
  await eventually(async () => expect(await producer.counts()).toMatchObject({ ready: 488, leased: 12 }));
  over.resolve();
  await eventually(async () => expect(await producer.counts()).toMatchObject({ ready: 0, leased: 0 }));
  expect(seen.size).toBe(2500);
  expect([...seen].every((one) => one.endsWith(" 1"))).toBe(true);
  expect(runningMax).toBeLessThanOrEqual(12);
});

test("reports an error of a listener and goes on", async () => {
  const { queue, worker } = setup();
  const producer = queue();
  let completed = 0;
  worker(() => {}).on("completed", () => {
    completed++;
    throw new Error("a listener's");
  });
  await producer.addBulk([1, 2, 3].map((data) => ({ name: "a", data })));
  await eventually(() => expect(completed).toBe(3));
});

async function sleepUnless(signal: AbortSignal, ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
