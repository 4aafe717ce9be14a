/** A producer process: adds tasks of many kinds at a steady rate, and logs what was acknowledged. */
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs } from "../event-log.js";
import { Random } from "../random.js";
import { openRole } from "./role.js";

const TICK_MS = 10;
const OWED_MAX = 200;
const RESENDS_MAX = 20;

const { options, tell, engine, closeOnSignal } = await openRole();
const {
  name,
  connection,
  prefix,
  queue: queueName,
  shards,
  slowWorkMs,
  slowShare,
  laterMaxMs,
  clockOffMs,
} = options;
const random = new Random(options.seed);
const queue = new engine.Queue(queueName, {
  connection,
  prefix,
  shards,
  defaults: { attempts: 20, deathsMax: 20, backoff: { type: "fixed", delay: 100 } },
});
const pending = new Set();
let made = 0;
let ratePerSecond = 0;
const closing = new AbortController();

process.on("message", (message) => void obey(message));
closeOnSignal(async () => {
  closing.abort();
  ratePerSecond = 0;
  await queue.close();
});
void produce();

async function obey({ rate, wave, drain }) {
  if (rate !== undefined) ratePerSecond = rate;
  for (let i = 0; i < (wave ?? 0); i++) track(addPlain());
  if (drain === true) {
    while (pending.size > 0) await Promise.all(pending);
    process.send({ drained: true });
  }
}

async function produce() {
  let owed = 0;
  let lastMs = monotonicMs();
  for (;;) {
    await sleep(TICK_MS);
    const nowMs = monotonicMs();
    owed = Math.min(OWED_MAX, owed + (ratePerSecond * (nowMs - lastMs)) / 1000);
    lastMs = nowMs;
    for (; owed >= 1; owed--) track(addOne());
  }
}

function track(promise) {
  const tracked = promise.finally(() => pending.delete(tracked));
  pending.add(tracked);
}

/** A task without surprises, soon due. */
async function addPlain() {
  const data = { key: `${name}-${++made}`, workMs: random.int(1, 30) };
  await add(data, {}, random.int(0, 300), false);
}

/** Mostly short tasks; some slow, failing, postponed, prioritised, cancelled, or added twice under one id. */
async function addOne() {
  const key = `${name}-${++made}`;
  const delayMs = random.chance(0.3) ? 0 : random.int(1, laterMaxMs);
  const data = { key, workMs: random.chance(slowShare) ? slowWorkMs : random.int(1, 30) };
  const opts = {};
  const kind = random.next();
  if (kind < 0.06) data.failures = random.int(1, 2);
  else if (kind < 0.07) {
    data.failures = 9;
    opts.attempts = 2;
  } else if (kind < 0.08) data.isFatal = true;
  else if (kind < 0.11 && data.workMs !== slowWorkMs) data.laterMs = 50;
  else if (kind < 0.14) opts.keepResultMs = 500;
  if (random.chance(0.2)) opts.priority = random.int(1, 3);
  const isTwice = random.chance(0.08);
  if (isTwice) opts.id = `twice-${key}`;
  else if (random.chance(0.01)) opts.id = `shared-${Math.floor(monotonicMs() / 50)}`;
  const againMs = random.int(0, laterMaxMs);
  const isCancelled = random.chance(0.04);
  const cancelMs = random.int(0, laterMaxMs);
  const isAt = random.chance(0.15);

  const id = await add(data, opts, delayMs, isAt);
  if (id === undefined) return;
  if (isTwice) {
    await sleep(againMs);
    if (!closing.signal.aborted) await add({ ...data, key: `${key}-again` }, opts, delayMs, isAt);
  } else if (isCancelled) {
    await sleep(cancelMs);
    if (!closing.signal.aborted) await cancel(id);
  }
}

/** A task of unknown outcome is added again with its id, as the error asks for. Returns its id once it is there. */
async function add(data, opts, delayMs, isAt) {
  let id = opts.id;
  for (let tries = 0; tries < RESENDS_MAX && !closing.signal.aborted; tries++) {
    const sentT = monotonicMs();
    const due = isAt ? { at: Math.round(Date.now() - clockOffMs + delayMs) } : { delay: delayMs };
    const facts = { key: data.key, sentT, delayMs: isAt ? undefined : delayMs, atMs: due.at };
    try {
      const task = await queue.add("work", data, { ...opts, ...due, ...(id !== undefined && { id }) });
      tell("added", {
        id: task.id,
        existed: task.existed,
        dueAtMs: task.dueAtMs,
        addedAtMs: task.addedAtMs,
        ...facts,
      });
      return task.id;
    } catch (error) {
      if (error.code !== "DELAYQ_UNKNOWN_OUTCOME") {
        tell("refused", { id, code: error.code, error: String(error), ...facts });
        return undefined;
      }
      id = error.ids[0];
      tell("unknown", { id, ...facts });
    }
  }
  return undefined;
}

async function cancel(id) {
  try {
    tell("cancel", { id, outcome: await queue.cancel(id) });
  } catch (error) {
    tell("cancel", { id, outcome: "unknown", code: error.code });
  }
}
