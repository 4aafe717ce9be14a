import { randomBytes } from "node:crypto";
import { pino } from "pino";
import { inject, onTestFinished, vi } from "vitest";
import {
  Queue,
  Scheduler,
  Worker,
  type AnyTasks,
  type Handlers,
  type QueueOptions,
  type SchedulerOptions,
  type TaskTypes,
  type WorkerOptions,
} from "../../src/index.ts";

/** Makes queues, workers and schedulers under a prefix of the test's own, and closes them all when it has finished. */
export function setup(connection: NonNullable<QueueOptions["connection"]> = inject("redisUrl")) {
  const prefix = `t${randomBytes(6).toString("hex")}`;
  const logger = pino({ level: "silent" });
  const base = { connection, prefix, logger };
  const closers: (() => Promise<void>)[] = [];
  onTestFinished(async () => {
    for (const close of closers.toReversed()) await close();
  });
  return {
    prefix,
    base,
    queue: <T extends TaskTypes<T> = AnyTasks>(options: QueueOptions = {}, name = "q"): Queue<T> => {
      const queue = new Queue<T>(name, { shards: 4, ...base, ...options });
      closers.push(async () => await queue.close());
      return queue;
    },
    worker: (handlers: Handlers<AnyTasks>, options: WorkerOptions = {}, name = "q"): Worker => {
      const worker = new Worker(name, handlers, { ...base, ...options });
      closers.push(async () => await worker.close({ graceMs: 0 }));
      return worker;
    },
    scheduler: (options: SchedulerOptions = {}, queues = ["q"]): Scheduler => {
      const scheduler = new Scheduler(queues, { ...base, ...options });
      closers.push(async () => await scheduler.close());
      return scheduler;
    },
  };
}

/** Looks again and again until `check` passes; the time is only a bound. */
export async function eventually<T>(check: () => T | Promise<T>, timeout = 15_000): Promise<T> {
  return await vi.waitFor(check, { timeout, interval: 10 });
}

/** A promise and its resolver. */
export function deferred<T = void>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
