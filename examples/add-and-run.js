import { once } from "node:events";
import { Queue, Worker } from "delayq";

// Redis is where DELAYQ_REDIS_URL says, or at redis://127.0.0.1:6379.
const queue = new Queue("emails", {
  defaults: { attempts: 3, backoff: { type: "exponential", delay: 1000 } },
});

const worker = new Worker("emails", {
  welcome: async (task, { signal }) => {
    signal.throwIfAborted(); // aborts when the lease is lost, the time is up, or the worker closes
    console.log(`welcome, user ${task.data.userId}`);
  },
});

await queue.add("welcome", { userId: 7 }, { delay: 2000 }); // in two seconds
await queue.add("welcome", { userId: 8 }, { at: new Date("2040-01-01"), id: "user-8" }); // on that day
console.log(await queue.cancel("user-8")); // "cancelled": it will never start

await once(worker, "completed");
await worker.close(); // claims nothing more, and lets running handlers finish
await queue.close();
