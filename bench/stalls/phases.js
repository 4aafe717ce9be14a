import { LATER, NOW } from "../support/due.js";
import { loadAhead } from "../support/load-ahead.js";
import { percentile } from "../support/statistics.js";

const QUEUE = "bench";
const OTHER = "other";
const SIDE_RATE_PER_SECOND = 100;
const SIDE_SECONDS_PER_MILLION = 5;
const LOADS_PER_SECOND_MIN = 40_000;
const PAYLOAD_BYTES = 100 * 1024;
const PAYLOADS_IN_BATCH = 20;
const CHANGED_SHARE = 0.05;

/*
 * What might keep Redis busy for too long at a time. Each phase is given processes by name (`producer(queue)`, `inspector()`,
 * `workers(queue, options)`, which count their calls and end with the phase) and how much to do.
 */
export const PHASES = [
  { name: "adding", run: adding },
  { name: "changing and listing", run: changingAndListing },
  { name: "obliterating", run: obliterating },
  { name: "large payloads", run: largePayloads },
  { name: "dying, requeueing, purging", run: dying },
  { name: "all due at once", run: dueAtOnce },
];

async function adding({ producer, tasks }) {
  await (await producer(QUEUE)).ask("load", { count: tasks, due: LATER });
}

async function changingAndListing({ inspector, tasks }) {
  const tools = await inspector(QUEUE);
  await tools.ask("listAll", { state: "delayed" });
  await tools.ask("changeEach", { count: Math.ceil(tasks * CHANGED_SHARE) });
  await tools.ask("counts");
  await tools.ask("pauseAndResume");
}

async function obliterating({ inspector }) {
  await (await inspector(QUEUE)).ask("obliterate");
}

async function largePayloads({ producer, inspector, workers, payloads }) {
  const adder = await producer(QUEUE);
  await adder.ask("load", { count: payloads, due: NOW, textBytes: PAYLOAD_BYTES, batch: PAYLOADS_IN_BATCH });
  await (await inspector(QUEUE)).ask("listAll", { state: "ready" });
  await (await workers(QUEUE)).untilCompleted(payloads);
}

/** Every task fails for good, is listed, comes back, fails again and is purged. */
async function dying({ producer, inspector, workers, tasks }) {
  await (await producer(QUEUE)).ask("load", { count: tasks, due: NOW });
  const failing = await workers(QUEUE, { isFailing: true });
  await failing.untilCompleted(tasks);
  const tools = await inspector(QUEUE);
  await tools.ask("listAll", { state: "dead" });
  await tools.ask("requeueAll");
  await failing.untilCompleted(2 * tasks);
  await tools.ask("purgeAll");
}

/** Very many tasks of one second, and beside them urgent ones of the same queue and plain ones of another: how late are those? */
async function dueAtOnce({ producer, workers, tasks }) {
  const running = await workers(QUEUE);
  const others = await workers(OTHER);
  const lengthMs = Math.max(1000, (SIDE_SECONDS_PER_MILLION * tasks) / 1000);
  const count = Math.ceil((SIDE_RATE_PER_SECOND * lengthMs) / 1000);
  const startAtMs = await loadAhead(await producer(QUEUE), {
    count: tasks,
    lengthMs: 1000,
    perSecond: LOADS_PER_SECOND_MIN,
  });
  const side = { count, due: { kind: "window", startAtMs: startAtMs + 500, lengthMs } };
  await (await producer(QUEUE)).ask("load", { ...side, priority: 9 });
  await (await producer(OTHER)).ask("load", side);
  await running.untilCompleted(tasks + count);
  await others.untilCompleted(count);
  const { lags, isUrgent } = await running.samples();
  return {
    "urgent tasks of the same queue": p99(lags.filter((_, i) => isUrgent[i] === 1)),
    "tasks of another queue": p99((await others.samples()).lags),
  };
}

function p99(lags) {
  return percentile(Float64Array.from(lags).sort(), 0.99);
}
