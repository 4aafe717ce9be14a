/** A worker process: does what a task's payload says, and logs every start and end. */
import { setTimeout as sleep } from "node:timers/promises";
import { openRole } from "./role.js";

const { options, tell, engine, closeOnSignal } = await openRole();
const { RetryLater, UnrecoverableError, Worker } = engine;
const { connection, prefix, queue, leaseMs, concurrency, slowPollMs, graceMs } = options;

const worker = new Worker(queue, run, {
  connection,
  prefix,
  leaseMs,
  concurrency,
  slowPollMs,
  scheduler: false,
});
worker.on("completed", ({ id, fence }) => tell("completed", { id, fence }));
worker.on("leaseLost", ({ id, fence }) => tell("leaseLost", { id, fence }));
worker.on("error", (error) => tell("error", { code: error?.code, error: String(error) }));
closeOnSignal(async () => await worker.close({ graceMs }));

async function run(task, { signal, fence }) {
  const { id, attempt, shard, dueAtMs, startedAtMs, data } = task;
  tell("start", { id, fence, attempt, shard, dueAtMs, nowMs: startedAtMs, key: data.key });
  await workOrClose(data.workMs, signal);
  const outcome = outcomeOf(task, signal);
  tell("end", { id, fence, outcome });
  if (outcome === "failed") throw new Error("as the payload says");
  if (outcome === "fatal") throw new UnrecoverableError("as the payload says");
  if (outcome === "later") throw new RetryLater(data.laterMs);
  return outcome;
}

/** A lost lease does not stop this handler, as it does not stop many a real one: its late settle must be refused. */
async function workOrClose(workMs, signal) {
  const done = new AbortController();
  const closed = new Promise((resolve) => {
    const look = () => {
      if (isClosed(signal)) resolve();
    };
    look();
    signal.addEventListener("abort", look);
  });
  await Promise.race([sleep(workMs, undefined, { signal: done.signal }).catch(() => {}), closed]);
  done.abort();
}

function outcomeOf({ data, attempt, startedAtMs, addedAtMs }, signal) {
  const { failures, isFatal, laterUntilMs } = data;
  if (isClosed(signal)) return "released";
  if (isFatal) return "fatal";
  if (attempt <= failures) return "failed";
  if (startedAtMs < addedAtMs + laterUntilMs) return "later";
  return "ok";
}

function isClosed(signal) {
  return signal.aborted && signal.reason.name === "WorkerClosedError";
}
