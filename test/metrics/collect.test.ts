import { setTimeout as sleep } from "node:timers/promises";
import { Registry, type OpenMetricsContentType } from "prom-client";
import { expect, it } from "vitest";
import { RetryLater, UnrecoverableError, collectMetrics, type Queue } from "../../src/index.ts";
import { COUNTERS, PROCESS_METRICS } from "../../src/metrics/catalogue.ts";
import { INSIDE } from "../../src/runtime/inside.ts";
import { Connection } from "../../src/store/connection.ts";
import { QueueStore, within } from "../../src/store/queue-store.ts";
import { deferred, eventually, setup } from "../support/fixture.ts";
import { linesOf, samplesOf } from "./support.ts";

/** Names are for ever: rules and dashboards hang on them. */
const GOLDEN = `
delayq_tasks_added_total counter queue
delayq_tasks_completed_total counter queue
delayq_tasks_failed_total counter queue
delayq_tasks_retried_total counter queue
delayq_tasks_dead_total counter queue
delayq_tasks_requeued_total counter queue
delayq_tasks_cancelled_total counter queue
delayq_tasks_recovered_total counter queue
delayq_tasks_expired_total counter queue
delayq_tasks_timed_out_total counter queue
delayq_tasks_unhandled_total counter queue
delayq_leases_lost_total counter queue
delayq_task_start_lag_seconds histogram queue
delayq_task_duration_seconds histogram queue,outcome
delayq_script_duration_seconds histogram script
delayq_worker_concurrency gauge queue
delayq_worker_running_tasks gauge queue
delayq_build_info gauge version`;

it("has these metrics, each with a HELP and a TYPE", async () => {
  const registry = new Registry();
  collectMetrics(registry, {});
  const text = await registry.metrics();
  const golden = GOLDEN.trim()
    .split("\n")
    .map((line) => line.split(" ") as [string, string, string]);
  expect(linesOf(text, "# TYPE")).toEqual(golden.map(([name, type]) => `${name} ${type}`));
  expect(linesOf(text, "# HELP").map((line) => line.split(" ", 1)[0])).toEqual(golden.map(([name]) => name));
  expect(linesOf(text, "# HELP").every((line) => / .*[a-z].*\.$/.test(line))).toBe(true);
  expect(
    Object.entries(PROCESS_METRICS).map(([name, { type, labels }]) => [name, type, labels.join(",")]),
  ).toEqual(golden);
});

const counted = async (registry: Registry): Promise<Record<string, number>> => {
  const samples = samplesOf(await registry.metrics());
  const of = (name: string): number | undefined =>
    samples.find(({ name: its, labels }) => its === name && labels["queue"] === "q")?.value;
  return Object.fromEntries(Object.entries(COUNTERS).map(([counter, name]) => [counter, of(name) ?? 0]));
};

it("counts what producers, workers and schedulers did", async () => {
  const { queue, worker, base } = setup();
  const registry = new Registry();
  const tasks = queue({ defaults: { backoff: { type: "fixed", delay: 1 } } });
  const added = await tasks.addBulk([
    { name: "fine", data: 0, opts: { id: "secret-1" } },
    { name: "fine", data: 1, opts: { keepResultMs: 60_000 } },
    { name: "fails", data: 2, opts: { attempts: 2 } },
    { name: "hopeless", data: 3, opts: { id: "secret-2" } },
    { name: "slow", data: 4, opts: { attempts: 1, timeoutMs: 20 } },
  ]);
  await tasks.add("fine", 5, { id: "secret-1" });
  const later = await tasks.add("later", 6, { delay: 600_000 });
  await tasks.cancel(later.id);
  await tasks.add("fine", 8, { at: Date.now() - 60_000, expireMs: 1000 });
  await leaseToNobody(tasks, base, "left");
  const release = deferred();
  const busy = worker({
    fine: () => 1,
    left: () => 1,
    fails: () => {
      throw new Error("not this time");
    },
    hopeless: () => {
      throw new UnrecoverableError("never");
    },
    slow: async () => await release.promise,
  });
  collectMetrics(registry, { queues: [tasks], workers: [busy] });
  await eventually(async () => expect(await tasks.counts()).toMatchObject({ dead: 3, leased: 0, ready: 0 }));
  await tasks.requeue("secret-2");
  await eventually(async () => expect(await counted(registry)).toMatchObject({ dead: 4 }));
  expect(await counted(registry)).toEqual({
    added: 8,
    completed: 3,
    failed: 5,
    retried: 1,
    dead: 4,
    requeued: 1,
    cancelled: 1,
    recovered: 1,
    expired: 1,
    timedOut: 1,
    unhandled: 0,
    leasesLost: 0,
  });
  // The handler that ran out of time has not returned, and keeps its slot.
  const text = await registry.metrics();
  expect(text).toContain('delayq_worker_running_tasks{queue="q"} 1\n');
  expect(text).toContain('delayq_worker_concurrency{queue="q"} 10\n');
  expect(text).toMatch(/^delayq_build_info\{version="\d+\.\d+\.\d+"\} 1$/m);
  for (const { id } of [...added, later]) expect(text).not.toContain(id);
  release.resolve();
});

/** A task whose lease expires at once, for the scheduler to find. */
async function leaseToNobody(
  tasks: Queue,
  {
    connection: option,
    prefix,
  }: { connection: NonNullable<Parameters<typeof Connection.acquire>[0]>; prefix: string },
  name: string,
): Promise<void> {
  const { shard } = await tasks.add(name, null);
  const connection = Connection.acquire(option);
  try {
    const store = new QueueStore(connection, { prefix, queue: "q" });
    const keys = store.shards(4)[shard];
    if (keys === undefined) throw new Error("Expected the shard to be there.");
    for (let number = 1; ; number++) {
      const request = { worker: "nobody", number, leaseMs: 50, count: 200 };
      const reply = await store.claim(keys, request, within());
      if (reply.word === "CLAIMED" && reply.claimed.length > 0) {
        const items = reply.claimed.flatMap(({ id, record }) =>
          record.includes(name) ? [] : ["release", id, reply.fence, 0, ""],
        );
        await store.settle(keys, [], items, store.nextCallId(), within());
        await sleep(60);
        return;
      }
    }
  } finally {
    connection.release();
  }
}

it("counts each time that a task is put off since nothing here handles it", async () => {
  const { queue, worker } = setup();
  const registry = new Registry();
  const tasks = queue({ shards: 1 });
  const known = (): never => {
    throw new RetryLater(10);
  };
  const busy = worker({ known }, { unhandledDelayMs: 10 });
  collectMetrics(registry, { workers: [busy] });
  await tasks.add("known", null);
  await eventually(async () =>
    expect((await tasks.stats()).counters["released"] ?? 0).toBeGreaterThanOrEqual(2),
  );
  expect(await counted(registry)).toMatchObject({ unhandled: 0 });
  await tasks.add("unknown", null);
  await eventually(async () => expect((await counted(registry))["unhandled"]).toBeGreaterThanOrEqual(2));
});

it("takes the times of starts, handlers and scripts", async () => {
  const { queue, worker } = setup();
  const tasks = queue();
  const registry = new Registry();
  const busy = worker({ quick: () => 1, slow: async () => await sleep(60) }, { autorun: false });
  collectMetrics(registry, { queues: [tasks], workers: [busy] });
  await tasks.addBulk([
    { name: "quick", data: 0, opts: { at: Date.now() - 3_600_000 } },
    { name: "quick", data: 1 },
    { name: "slow", data: 2 },
  ]);
  busy.run();
  await eventually(async () => expect((await tasks.stats()).counters).toMatchObject({ completed: 3 }));
  const samples = samplesOf(await registry.metrics());
  const of = (name: string, labels: object): number[] =>
    samples
      .filter((one) => one.name === name && Object.entries(labels).every(([k, v]) => one.labels[k] === v))
      .map(({ value }) => value);
  expect(of("delayq_task_start_lag_seconds_count", { queue: "q" })).toEqual([3]);
  expect(of("delayq_task_start_lag_seconds_bucket", { le: "1800" })).toEqual([2]);
  const [lagSeconds = 0] = of("delayq_task_start_lag_seconds_sum", {});
  expect(lagSeconds).toBeGreaterThan(3590);
  expect(lagSeconds).toBeLessThan(3700);
  const buckets = of("delayq_task_duration_seconds_bucket", { outcome: "completed" });
  expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
  expect(of("delayq_task_duration_seconds_bucket", { le: "0.05" })[0]).toBeLessThanOrEqual(2);
  expect(buckets.at(-1)).toBe(3);
  expect(of("delayq_task_duration_seconds_sum", {})[0]).toBeGreaterThan(0.055);
  for (const script of ["add", "claim", "settle", "tick", "beat", "register"]) {
    expect(of("delayq_script_duration_seconds_count", { script })[0], script).toBeGreaterThan(0);
  }
});

it("tells of a scheduler alone, and once of what workers share", async () => {
  const { worker, scheduler } = setup();
  const registry = new Registry();
  const [one, other] = [worker(() => 1), worker(() => 1)];
  const alone = scheduler({}, ["a", "b"]);
  collectMetrics(registry, { workers: [one, other, one], schedulers: [alone] });
  const embedded = one[INSIDE]().queues[1];
  if (embedded === undefined) throw new Error("Expected the worker to show its scheduler.");
  embedded.recovered = 7;
  const samples = samplesOf(await registry.metrics());
  const recovered = samples.filter(({ name }) => name === "delayq_tasks_recovered_total");
  expect(recovered.map(({ labels, value }) => [labels["queue"], value])).toEqual([
    ["q", 7],
    ["a", 0],
    ["b", 0],
  ]);
  expect(samples.find(({ name }) => name === "delayq_worker_concurrency")?.value).toBe(20);
  await one.close();
  expect(await registry.metrics()).toContain('delayq_worker_concurrency{queue="q"} 10\n');
});

it("speaks OpenMetrics too, and goes out of a registry again", async () => {
  const { queue, worker } = setup();
  const tasks = queue();
  const busy = worker(() => 1);
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const stop = collectMetrics(registry, { queues: [tasks], workers: [busy] });
  const text = await registry.metrics();
  expect(text).toContain("# TYPE delayq_tasks_added counter\n");
  expect(text).toContain('delayq_tasks_added_total{queue="q"} 0\n');
  expect(busy[INSIDE]().queues[0]?.times).toBeDefined();
  stop();
  expect(await registry.metrics()).toBe("\n# EOF\n");
  expect(busy[INSIDE]().queues[0]?.times).toBeUndefined();
  expect(busy[INSIDE]().scripts.times).toBeUndefined();
  collectMetrics(registry, { queues: [tasks] });
});

it("says what is wrong", () => {
  const { queue } = setup();
  const registry = new Registry();
  const tasks = queue();
  const wrong = (sources: unknown) => () => collectMetrics(registry, sources as object);
  expect(wrong({ queue: tasks })).toThrow(
    "Expected { queues, workers, schedulers } for collectMetrics, got `queue`.",
  );
  expect(wrong({ queues: tasks })).toThrow("Expected `queues` to be a list");
  expect(wrong({ queues: ["q"] })).toThrow("to hold instances of Queue, Worker or Scheduler");
  expect(wrong(undefined)).toThrow("got `undefined`");
  collectMetrics(registry, { queues: [tasks] });
  expect(wrong({ queues: [tasks] })).toThrow(
    "Expected a registry without delayq_tasks_added_total, but it has it. Call collectMetrics once",
  );
});
