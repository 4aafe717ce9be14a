import { bullmq } from "./bullmq.js";
import { delayq } from "./delayq.js";
import { floor } from "./floor.js";

/*
 * An engine is what is measured, behind one shape:
 *
 *   task(data, due, priority)     a task as the engine's addBulk wants it; `due` is { delayMs } or { atMs }
 *   openProducer({ url, queue })  { add(task), addBulk(tasks), get(id), cancel(id), reschedule(id, delayMs), close() }
 *   openWorker({ url, queue, concurrency, onStart, onCompleted })  { close() }; onStart is given when the task was due and its priority
 *   openScheduler({ url, queues })   { close() }, where an engine has such a role
 *   settings                      how it is set up, in sentences
 */
const ENGINES = { delayq, bullmq, floor };

export function engineOf(name) {
  const engine = ENGINES[name];
  if (engine === undefined) throw new Error(`unknown engine: ${name}`);
  return engine;
}
