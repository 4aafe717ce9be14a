import { expectTypeOf, test } from "vitest";
import type { AddedTask, RequeueOutcome, Task } from "../../src/index.ts";
import { Registry, type OpenMetricsContentType } from "prom-client";
import { Queue, Worker, collectMetrics } from "../../src/index.ts";

interface Mail {
  welcome: { data: { userId: number }; result: string };
  digest: { data: { week: number } };
}

test("names and payloads of a typed queue are checked", () => {
  const queue = new Queue<Mail>("emails");
  expectTypeOf(queue.add("welcome", { userId: 7 })).resolves.toEqualTypeOf<AddedTask<Mail, "welcome">>();
  // @ts-expect-error -- a name that the queue does not have
  void queue.add("farewell", { userId: 7 });
  // @ts-expect-error -- the payload of another name
  void queue.add("welcome", { week: 7 });
  // @ts-expect-error -- an option that does not exist
  void queue.add("welcome", { userId: 7 }, { dealy: 5 });
  void queue.addBulk([
    { name: "welcome", data: { userId: 7 } },
    { name: "digest", data: { week: 1 }, opts: { delay: 5 } },
  ]);
  // @ts-expect-error -- name and payload belong together in bulk, too
  void queue.addBulk([{ name: "digest", data: { userId: 7 } }]);
});

test("durability is a word, or replicas and a time, of a queue and of every change", () => {
  const queue = new Queue<Mail>("emails", { durability: { replicas: 1, timeoutMs: 500 } });
  void queue.add("welcome", { userId: 7 }, { durability: "async" });
  void queue.addBulk([{ name: "digest", data: { week: 1 }, opts: { durability: "async" } }]);
  void queue.cancel("id", { abort: true, durability: "async" });
  void queue.reschedule("id", { delay: 5 }, { durability: { replicas: 2, timeoutMs: 500 } });
  expectTypeOf(queue.requeue("id", { durability: "async" })).resolves.toEqualTypeOf<RequeueOutcome>();
  void queue.purge({ state: "done" }, { durability: "async" });
  void queue.pause({ durability: "async" });
  // @ts-expect-error -- how long to wait must be said
  void queue.resume({ durability: { replicas: 1 } });
  // @ts-expect-error -- no such word
  new Queue("emails", { durability: "sync" });
});

test("a task's payload is told by its name", () => {
  const queue = new Queue<Mail>("emails");
  expectTypeOf(queue.get("id")).resolves.toEqualTypeOf<Task<Mail> | undefined>();
  void queue.get("id").then((task) => {
    if (task?.name === "welcome") {
      expectTypeOf(task.data).toEqualTypeOf<{ userId: number }>();
      expectTypeOf(task.result).toEqualTypeOf<string | undefined>();
    } else if (task?.name === "digest") {
      expectTypeOf(task.data).toEqualTypeOf<{ week: number }>();
    }
  });
});

test("handlers get their payloads and must return their results", () => {
  new Worker<Mail>("emails", {
    welcome: (task) => {
      expectTypeOf(task.data).toEqualTypeOf<{ userId: number }>();
      return `welcomed ${task.data.userId}`;
    },
    digest: async (task, { signal, fence }) => {
      expectTypeOf(task.data).toEqualTypeOf<{ week: number }>();
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      expectTypeOf(fence).toEqualTypeOf<number>();
    },
  });
  // @ts-expect-error -- the result of another type
  new Worker<Mail>("emails", { welcome: () => 7 });
  // @ts-expect-error -- a handler for a name that the queue does not have
  new Worker<Mail>("emails", { farewell: () => {} });
});

test("a plain queue takes anything", () => {
  const queue = new Queue("anything");
  void queue.add("whatever", { at: "all" });
  void queue.add("nothing", null);
  new Worker("anything", (task) => task.data.some.thing);
});

test("metrics take typed queues and workers, and registries of both formats", () => {
  const queue = new Queue<Mail>("emails");
  const worker = new Worker<Mail>("emails", { welcome: () => "sent" });
  const stop = collectMetrics(new Registry(), { queues: [queue], workers: [worker] });
  expectTypeOf(stop).toEqualTypeOf<() => void>();
  collectMetrics(new Registry<OpenMetricsContentType>(), { schedulers: [] });
  // @ts-expect-error -- no queue
  collectMetrics(new Registry(), { queues: ["emails"] });
});
