/** A producer process: adds tasks, looks at them and changes them. */
import { setTimeout as sleep } from "node:timers/promises";
import { engineOf } from "../engines/index.js";
import { LATER, dueTimes } from "../support/due.js";
import { payload } from "../support/payload.js";
import { saturate } from "../support/saturate.js";
import { shuffle } from "../support/shuffle.js";
import { serve } from "./role.js";

const LOAD_BATCH = 1000;
const LOAD_IN_FLIGHT = 4;

let engine;
let producer;

serve({
  async open({ engine: name, ...options }) {
    await producer?.close();
    engine = engineOf(name);
    producer = await engine.openProducer(options);
  },
  load,
  timedLoad,
  addBulk,
  add,
  query,
  trickle,
  async close() {
    await producer?.close();
  },
});

/** Adds so many tasks in bulk, untimed; with `textBytes` each of them is larger by so much. */
async function load({ count, due, batch = LOAD_BATCH, textBytes, priority, areIdsWanted = false }) {
  const text = textBytes === undefined ? undefined : "x".repeat(textBytes);
  const nextDue = dueTimes(due);
  const ids = [];
  let made = 0;
  const loop = async () => {
    while (made < count) {
      const length = Math.min(batch, count - made);
      const tasks = batchOf(length, made, nextDue, { priority, text });
      made += length;
      const added = await producer.addBulk(tasks);
      if (areIdsWanted) ids.push(...added);
    }
  };
  await Promise.all(Array.from({ length: LOAD_IN_FLIGHT }, loop));
  return ids;
}

/** Adds so many tasks in bulk. Returns how many it added a second. */
async function timedLoad({ count, due }) {
  const nextDue = dueTimes(due);
  let made = 0;
  const work = () => {
    if (made >= count) return undefined;
    const tasks = batchOf(LOAD_BATCH, made, nextDue);
    made += LOAD_BATCH;
    return producer.addBulk(tasks);
  };
  return LOAD_BATCH * (await saturate({ inFlight: LOAD_IN_FLIGHT, warmUpMs: 0, measureMs: Infinity, work }));
}

/** Tasks a second that can be added in bulk. */
async function addBulk({ batch, inFlight, warmUpMs, tasks: count, due = LATER }) {
  const nextDue = dueTimes(due);
  let made = 0;
  const work = () => {
    const tasks = batchOf(batch, made, nextDue);
    made += batch;
    return producer.addBulk(tasks);
  };
  const most = count / batch;
  return batch * (await saturate({ inFlight, warmUpMs, measureMs: Infinity, most, work }));
}

/** Tasks a second that can be added one by one. */
async function add({ inFlight, warmUpMs, tasks, due = LATER }) {
  const nextDue = dueTimes(due);
  let made = 0;
  const work = () => producer.add(engine.task(payload(made++), nextDue()));
  return await saturate({ inFlight, warmUpMs, measureMs: Infinity, most: tasks, work });
}

/** Calls a second that look at a pending task, cancel it or give it another due time; each task is chosen once. */
async function query({ pending, inFlight, warmUpMs, measureMs }) {
  const ids = shuffle(await load({ count: pending, due: LATER, areIdsWanted: true }));
  const verbs = [
    (id) => producer.get(id),
    (id) => producer.cancel(id),
    (id) => producer.reschedule(id, LATER.toMs),
  ];
  let made = 0;
  const work = () => {
    const id = ids[made];
    return id === undefined ? undefined : verbs[made++ % verbs.length](id);
  };
  return await saturate({ inFlight, warmUpMs, measureMs, work });
}

/** Adds a task now and then, each with a short delay. */
async function trickle({ ratePerSecond, count, due }) {
  const nextDue = dueTimes(due);
  const startMs = performance.now();
  for (let i = 0; i < count; i++) {
    await sleep(Math.max(0, startMs + (i * 1000) / ratePerSecond - performance.now()));
    await producer.add(engine.task(payload(i), nextDue()));
  }
}

function batchOf(length, first, nextDue, { priority, text } = {}) {
  return Array.from({ length }, (_, i) =>
    engine.task(
      text === undefined ? payload(first + i) : { ...payload(first + i), text },
      nextDue(),
      priority,
    ),
  );
}
