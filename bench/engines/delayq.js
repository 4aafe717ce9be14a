import { Registry, collectDefaultMetrics } from "prom-client";
import { Queue, Scheduler, UnrecoverableError, Worker, collectMetrics } from "../../dist/index.js";

const NAME = "remind";
const SCRAPE_MS = 1000;

/** delayq with its defaults: 4 shards, and a scheduler in the worker's process. */
export const delayq = {
  settings: [
    "Queue with `defaults` { attempts: 3, backoff: exponential }, 4 shards as by default",
    "Worker with its scheduler in the same process, as by default",
  ],

  task(data, { delayMs, atMs }, priority) {
    const opts = atMs === undefined ? { delay: delayMs } : { at: atMs };
    if (priority !== undefined) opts.priority = priority;
    return { name: NAME, data, opts };
  },

  openProducer({ url, queue: name, shards, durability }) {
    const queue = new Queue(name, {
      connection: url,
      ...(shards !== undefined && { shards }),
      ...(durability !== undefined && { durability }),
      defaults: { attempts: 3, backoff: { type: "exponential", delay: 1000 } },
    });
    return {
      add: (task) => queue.add(task.name, task.data, task.opts),
      addBulk: async (tasks) => (await queue.addBulk(tasks)).map(({ id }) => id),
      get: (id) => queue.get(id),
      cancel: (id) => queue.cancel(id),
      reschedule: (id, delayMs) => queue.reschedule(id, { delay: delayMs }),
      close: () => queue.close(),
    };
  },

  /**
   * @param isFailing whether every handler fails for good
   * @param hasMetrics whether metrics are collected, and scraped
   */
  openWorker({ url, queue, concurrency, onStart, onCompleted, isFailing = false, hasMetrics = false }) {
    const run = ({ dueAtMs, priority }) => {
      onStart(dueAtMs, priority);
      if (isFailing) throw new UnrecoverableError("as asked for");
    };
    // Its default logger would write a line for each dead task.
    const quiet = isFailing ? { taskLogLevel: "silent" } : {};
    const worker = new Worker(queue, run, { connection: url, concurrency, ...quiet });
    worker.on("completed", onCompleted);
    worker.on("dead", onCompleted);
    if (hasMetrics) scrape(worker);
    return { close: () => worker.close() };
  },

  openScheduler({ url, queues }) {
    return new Scheduler(queues, { connection: url });
  },
};

function scrape(worker) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  collectMetrics(registry, { workers: [worker] });
  setInterval(() => void registry.metrics(), SCRAPE_MS).unref();
}
