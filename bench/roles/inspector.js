/** A process that looks after a queue of delayq, as an operator's tools do. */
import { Queue } from "../../dist/index.js";
import { payload } from "../support/payload.js";
import { serve } from "./role.js";

const IN_FLIGHT = 200;
const DAY_MS = 86_400_000;

let queue;

serve({
  open({ url, queue: name }) {
    queue = new Queue(name, { connection: url });
  },
  async listAll({ state }) {
    let count = 0;
    for await (const _ of queue.list(state)) count++;
    return count;
  },
  requeueAll: () => queue.requeue({}),
  purgeAll: () => queue.purge({}),
  async pauseAndResume() {
    await queue.pause();
    await queue.resume();
  },
  counts: () => queue.counts(),
  obliterate: () => queue.obliterate({ force: true }),
  changeEach,
  async close() {
    await queue?.close();
  },
});

/** Looks at the pending tasks one by one and changes them in each way there is, many at a time. */
async function changeEach({ count }) {
  const ids = [];
  for await (const { id } of queue.list("delayed", { limit: count })) ids.push(id);
  const verbs = [
    (id) => queue.get(id),
    (id) => queue.update(id, payload(1)),
    (id) => queue.reschedule(id, { delay: DAY_MS }),
    (id) => queue.runNow(id),
    (id) => queue.cancel(id),
  ];
  for (const verb of verbs) await eachOf(ids, verb);
}

async function eachOf(ids, verb) {
  let made = 0;
  const loop = async () => {
    while (made < ids.length) await verb(ids[made++]);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, loop));
}
