/** A worker process: runs handlers that do nothing, and notes when each of them started, how late, and when it was settled. */
import { engineOf } from "../engines/index.js";
import { openClock } from "../support/clock.js";
import { serve } from "./role.js";

const REPORT_MS = 20;

const now = openClock();
const startedAt = [];
const lags = [];
const isUrgent = [];
const completedAt = [];
const workers = [];
let reporting;

serve({
  /** Opens a worker for each queue that is named, as often as it is named. */
  async open({ engine, queues, ...options }) {
    for (const queue of queues) {
      workers.push(await engineOf(engine).openWorker({ ...options, queue, onStart, onCompleted }));
    }
  },
  samples() {
    return {
      startedAt: Float64Array.from(startedAt),
      lags: Float64Array.from(lags),
      isUrgent: Uint8Array.from(isUrgent),
      completedAt: Float64Array.from(completedAt),
    };
  },
  async close() {
    await Promise.all(workers.map((worker) => worker.close()));
  },
});

function onStart(dueAtMs, priority) {
  const nowMs = now();
  isUrgent.push(priority > 0 ? 1 : 0);
  startedAt.push(nowMs);
  lags.push(nowMs - dueAtMs);
}

/** Reports when there is something to say: a process that idles must idle. */
function onCompleted() {
  completedAt.push(now());
  reporting ??= setTimeout(report, REPORT_MS);
}

function report() {
  reporting = undefined;
  process.send({ report: { completed: completedAt.length } });
}
