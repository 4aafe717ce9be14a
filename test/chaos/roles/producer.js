/** A producer process: adds tasks at a steady rate and changes some of them, and logs what it asks for and is answered. */
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs } from "../event-log.js";
import { Random } from "../random.js";
import { openRole } from "./role.js";
import { DEFAULTS, plainPlan, planOf } from "./workload.js";

const TICK_MS = 10;
const OWED_MAX = 200;
const TRIES_MAX = 20;
const REQUEUE_AGAIN_MS = 200;
const BULK_EVERY = 400;
const BULK_MAX = 300;
const FAR_MS = 5000;
const NOT_YET = new Set(["delayed", "ready", "leased"]);

const { options, tell, engine, closeOnSignal } = await openRole();
const { name, seed, connection, prefix, queue: queueName, shards, addTimeoutMs, clockOffMs } = options;
const { durability } = options;
const queue = new engine.Queue(queueName, {
  connection,
  prefix,
  shards,
  addTimeoutMs,
  defaults: DEFAULTS,
  ...(durability !== undefined && { durability }),
});
const pending = new Set();
let made = 0;
let bulks = 0;
let calls = 0;
let ratePerSecond = 0;
const closing = new AbortController();
const firstAdded = {};
firstAdded.promise = new Promise((resolve) => (firstAdded.resolve = resolve));

process.on("message", (message) => void obey(message));
closeOnSignal(async () => {
  closing.abort();
  ratePerSecond = 0;
  await queue.close();
});
void produce();

async function obey({ rate, wave, bulk, far, pauseMs, resume: isResume, drain }) {
  if (rate !== undefined) ratePerSecond = rate;
  for (let i = 0; i < (wave ?? 0); i++) track(carryOut(plainPlan(seed, name, ++made)));
  if (bulk === true) startBulk();
  if (far !== undefined) await addFar(far);
  if (pauseMs !== undefined) track(pauseFor(pauseMs));
  if (isResume === true) track(resume());
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
    for (; owed >= 1; owed--) {
      track(carryOut(planOf(seed, name, ++made, options)));
      if (made % BULK_EVERY === 0) owed -= startBulk();
    }
  }
}

async function addFar(count) {
  const plans = Array.from({ length: count }, () => ({ ...plainPlan(seed, name, ++made), delayMs: FAR_MS }));
  const added = plans.map((plan) => carryOut(plan));
  for (const one of added) track(one);
  await Promise.all(added);
  process.send({ addedFar: true });
}

function track(promise) {
  const tracked = promise.finally(() => pending.delete(tracked));
  pending.add(tracked);
}

/** Logged before and after: of a killed producer it is known what it may have done. Returns what was answered. */
async function ask(verb, facts, call) {
  const n = ++calls;
  tell("ask", { n, verb, ...facts });
  let answer;
  try {
    answer = await call();
  } catch (error) {
    answer = failureOf(error);
  }
  tell("answer", { n, ...answer });
  return answer;
}

function failureOf({ code, ids, added, refused, unknown, cause, message }) {
  if (code === "DELAYQ_UNKNOWN_OUTCOME" || code === "DELAYQ_NOT_CONFIRMED")
    return { outcome: "unknown", code, ...(ids?.[0] && { id: ids[0] }) };
  if (code === "DELAYQ_BULK_INCOMPLETE")
    return { outcome: "incomplete", code: cause?.code, added, refused, unknown };
  return { outcome: "refused", code: code ?? message };
}

async function carryOut({ data, opts, attempts, delayMs, isAt, changes }) {
  const due = { delayMs, isAt };
  const id = await add(data, opts, due, attempts);
  for (const { verb, afterMs, ...change } of id === undefined ? [] : changes) {
    await sleep(afterMs);
    if (closing.signal.aborted) return;
    if (verb === "addAgain") await add(change.data, opts, due, attempts);
    else if (verb === "requeue") await requeue(id);
    else await CHANGES[verb](id, change);
  }
}

/** A task of unknown outcome is added again with its id, as the error asks for. Returns its id once it is there. */
async function add(data, opts, due, attempts) {
  let { id } = opts;
  for (let tries = 0; tries < TRIES_MAX && !closing.signal.aborted; tries++) {
    const { facts, dueOpts } = dueOf(due);
    const known = { key: data.key, id, attempts, keepResultMs: opts.keepResultMs };
    const answer = await ask("add", { ...known, ...facts }, async () => {
      const task = await queue.add("work", data, { ...opts, ...dueOpts, ...(id !== undefined && { id }) });
      return answerOf(task, task.existed ? "existed" : "added");
    });
    if (answer.outcome === "refused") return undefined;
    firstAdded.resolve();
    id = answer.id;
    if (answer.outcome !== "unknown") return id;
  }
  return undefined;
}

const answerOf = ({ id, shard, dueAtMs, addedAtMs }, outcome) => ({ id, shard, dueAtMs, addedAtMs, outcome });

/** An instant is one of Redis' clock, which is not that of a host whose clock is off. */
function dueOf({ delayMs, isAt }) {
  if (!isAt) return { facts: { delayMs }, dueOpts: { delay: delayMs } };
  const at = Math.round(Date.now() - clockOffMs + delayMs);
  return { facts: { atMs: at }, dueOpts: { at } };
}

/** Many at once, with ids of their own or not. Returns how many. */
function startBulk() {
  const number = ++bulks;
  const random = new Random(`${seed} ${name} bulk ${number}`);
  const hasIds = random.chance(0.5);
  const items = Array.from({ length: random.int(2, BULK_MAX) }, (_, i) => {
    const { data, delayMs } = plainPlan(seed, `${name}-bulk-${number}`, i);
    return { data, delayMs, ...(hasIds && { id: data.key }) };
  });
  track(addMany(items, hasIds));
  return items.length;
}

/** Those of unknown outcome are added again, where their ids are known. */
async function addMany(all, hasIds) {
  let items = all;
  for (let tries = 0; tries < TRIES_MAX && items.length > 0; tries++) {
    const unknown = new Set(await addBulk(items, tries === 0));
    if (closing.signal.aborted || !hasIds) return;
    items = items.filter(({ id }) => unknown.has(id));
  }
}

/** Returns the ids of unknown outcome. */
async function addBulk(items, isFirst) {
  const facts = items.map(({ id, data, delayMs }) => ({
    id,
    key: data.key,
    delayMs,
    attempts: DEFAULTS.attempts,
    isFirst,
  }));
  const answer = await ask("addBulk", { items: facts }, async () => {
    const tasks = items.map(({ id, data, delayMs }) => ({
      name: "work",
      data,
      opts: { delay: delayMs, ...(id !== undefined && { id }) },
    }));
    const added = await queue.addBulk(tasks);
    return {
      outcome: "added",
      items: added.map((task) => ({ ...answerOf(task), existed: task.existed })),
    };
  });
  return answer.unknown ?? [];
}

const CHANGES = {
  cancel: async (id) => await change("cancel", id, {}, async () => await queue.cancel(id)),
  update: async (id, { data }) =>
    await change("update", id, { key: data.key }, async () => await queue.update(id, data)),
  reschedule: async (id, due) => {
    const { facts, dueOpts } = dueOf(due);
    return await change("reschedule", id, facts, async () => await queue.reschedule(id, dueOpts));
  },
  runNow: async (id) => await change("runNow", id, {}, async () => await queue.runNow(id)),
  requeue: async (id) => await change("requeue", id, {}, async () => await queue.requeue(id)),
};

async function change(verb, id, facts, call) {
  const { outcome } = await ask(verb, { id, ...facts }, async () => ({ outcome: await call() }));
  return outcome;
}

/** Once it is dead. */
async function requeue(id) {
  for (let tries = 0; tries < TRIES_MAX && !closing.signal.aborted; tries++) {
    if (!NOT_YET.has(await CHANGES.requeue(id))) return;
    await sleep(REQUEUE_AGAIN_MS);
  }
}

/** Before the first add there is no queue. */
async function pauseFor(ms) {
  await firstAdded.promise;
  await ask("pause", {}, async () => await done(queue.pause()));
  await sleep(ms);
  await resume();
}

/** One that failed may have been done in some shards. */
async function resume() {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const { outcome } = await ask("resume", {}, async () => await done(queue.resume()));
    if (outcome === "done") return;
  }
}

async function done(promise) {
  await promise;
  return { outcome: "done" };
}
