/**
 * Runs a scheduler, or a worker for each of some queues, as a process of its own, and tells what happens to it, a JSON object
 * a line. On SIGTERM it closes them, and ends when nothing is left open.
 */
import { Scheduler, Worker } from "../../dist/index.js";

const { role, queues, options, handlerMs } = JSON.parse(process.argv[2]);
const tell = (event, more) =>
  process.stdout.write(`${JSON.stringify({ event, atMs: Date.now(), ...more })}\n`);

if (role === "scheduler") {
  const scheduler = new Scheduler(queues, options);
  process.on("SIGTERM", () => void scheduler.close());
} else {
  const handler = async (task, { signal, fence }) => {
    tell("started", { id: task.id, attempt: task.attempt, fence });
    signal.addEventListener("abort", () => tell("aborted", { id: task.id, reason: signal.reason.name }));
    await new Promise((resolve) => setTimeout(resolve, handlerMs));
    tell("returned", { id: task.id });
  };
  const workers = queues.map((queue) => new Worker(queue, handler, { scheduler: false, ...options }));
  for (const worker of workers) {
    worker.on("completed", ({ id }) => tell("completed", { id }));
    worker.on("leaseLost", ({ id }) => tell("leaseLost", { id }));
  }
  process.on("SIGTERM", () => workers.forEach((worker) => void worker.close()));
}
tell("up");
