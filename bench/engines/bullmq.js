import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";

const NAME = "remind";

/** BullMQ, set up as its documentation advises for speed. */
export const bullmq = {
  settings: [
    "addBulk for many (docs.bullmq.io/guide/queues/adding-bulks)",
    "Worker with removeOnComplete and removeOnFail { count: 0 }, where they make no job larger (docs.bullmq.io/guide/workers/auto-removal-of-jobs)",
    "Worker with the same concurrency as delayq's (docs.bullmq.io/guide/workers/concurrency)",
    "ioredis with maxRetriesPerRequest null (docs.bullmq.io/guide/going-to-production)",
    "no enableAutoPipelining: not documented, and its maintainer does not expect it to work with BullMQ",
    "reschedule is getJob and then changeDelay, cancel is queue.remove: what there is for an id",
  ],

  task(data, { delayMs, atMs }, priority) {
    const opts = { delay: delayMs ?? Math.max(0, atMs - Date.now()) };
    if (priority !== undefined) opts.priority = 10 - priority; // lower goes first, and 0 before all
    return { name: NAME, data, opts };
  },

  async openProducer({ url, queue: name }) {
    const { connection, close } = connect(url);
    const queue = new Queue(name, {
      connection,
      defaultJobOptions: {
        attempts: 3,
        backoff: { type: "exponential", delay: 1000 },
      },
    });
    await queue.waitUntilReady();
    return {
      add: (task) => queue.add(task.name, task.data, task.opts),
      addBulk: async (tasks) => (await queue.addBulk(tasks)).map(({ id }) => id),
      get: (id) => queue.getJob(id),
      cancel: (id) => queue.remove(id),
      reschedule: async (id, delayMs) => await (await queue.getJob(id)).changeDelay(delayMs),
      close: async () => {
        await queue.close();
        close();
      },
    };
  },

  async openWorker({ url, queue, concurrency, onStart, onCompleted }) {
    const { connection, close } = connect(url);
    // `job.delay` is 0 by the time that the job runs; its options keep what was asked for.
    const run = async (job) => onStart(job.timestamp + (job.opts.delay ?? 0), job.opts.priority ?? 0);
    const worker = new Worker(queue, run, {
      connection,
      concurrency,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    });
    worker.on("completed", onCompleted);
    await worker.waitUntilReady();
    return {
      close: async () => {
        await worker.close();
        close();
      },
    };
  },
};

/** A client of one's own, since outside of CommonJS BullMQ cannot make one; what it needs to block it duplicates itself. */
function connect(url) {
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  return { connection, close: () => connection.disconnect() };
}
