/** Runs a worker or a scheduler as a process of its own, and tells what happens to it, a JSON object a line. */
import { Scheduler, Worker } from "../../dist/index.js";

const { role, queue, options, handlerMs } = JSON.parse(process.argv[2]);
const tell = (event, more) =>
  process.stdout.write(`${JSON.stringify({ event, atMs: Date.now(), ...more })}\n`);

if (role === "scheduler") {
  const scheduler = new Scheduler([queue], options);
  process.on("SIGTERM", () => void scheduler.close().then(() => process.exit(0)));
} else {
  const handler = async (task, { signal, fence }) => {
    tell("started", { id: task.id, attempt: task.attempt, fence });
    signal.addEventListener("abort", () => tell("aborted", { id: task.id, reason: signal.reason.name }));
    await new Promise((resolve) => setTimeout(resolve, handlerMs));
    tell("returned", { id: task.id });
  };
  const worker = new Worker(queue, handler, { scheduler: false, ...options });
  worker.on("completed", ({ id }) => tell("completed", { id }));
  worker.on("leaseLost", ({ id }) => tell("leaseLost", { id }));
  process.on("SIGTERM", () => void worker.close().then(() => process.exit(0)));
}
tell("up");
