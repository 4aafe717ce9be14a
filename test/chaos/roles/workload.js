import { Random } from "../random.js";

/*
 * What the n-th task of a producer is and what is done to it: decided by the seed alone. Mostly short tasks; some slow,
 * failing, postponed, prioritised; some cancelled, added twice, or changed in one way or another while they wait.
 */
const ATTEMPTS = 20;
const RETRY_MS = 100;
const LATER_MS = 50;
const SHARED_EVERY = 25;
/** So far ahead that a run-now which did nothing shows. */
const RUN_NOW_AHEAD_MS = [7000, 8500];

export const DEFAULTS = {
  attempts: ATTEMPTS,
  deathsMax: 20,
  backoff: { type: "fixed", delay: RETRY_MS },
};

/** A task without surprises, soon due. */
export function plainPlan(seed, producer, number) {
  const random = new Random(`${seed} ${producer} plain ${number}`);
  const data = { key: `${producer}-${number}`, workMs: random.int(1, 30) };
  return { data, opts: {}, attempts: ATTEMPTS, delayMs: random.int(0, 300), isAt: false, changes: [] };
}

/** @param of slowWorkMs, slowShare, laterMaxMs */
export function planOf(seed, producer, number, { slowWorkMs, slowShare, laterMaxMs }) {
  const random = new Random(`${seed} ${producer} ${number}`);
  const key = `${producer}-${number}`;
  const isSlow = random.chance(slowShare);
  const data = { key, workMs: isSlow ? slowWorkMs : random.int(1, 30) };
  const opts = {};
  const plan = {
    data,
    opts,
    attempts: ATTEMPTS,
    delayMs: random.chance(0.3) ? 0 : random.int(1, laterMaxMs),
    isAt: random.chance(0.15),
    changes: [],
  };
  giveFate(plan, random, isSlow);
  if (random.chance(0.2)) opts.priority = random.int(1, 3);
  if (plan.changes.length === 0) giveChanges(plan, random, number, laterMaxMs);
  return plan;
}

/** How its handler ends. */
function giveFate(plan, random, isSlow) {
  const { data, opts } = plan;
  const fate = random.next();
  const failures = random.int(1, 2);
  if (isSlow && fate > 0.03) return; // one that is slow several times keeps the whole run waiting
  if (fate < 0.06) data.failures = isSlow ? 1 : failures;
  else if (fate < 0.07) {
    data.failures = 9;
    opts.attempts = plan.attempts = 2;
  } else if (fate < 0.08) data.isFatal = true;
  else if (fate < 0.11) {
    data.laterMs = LATER_MS;
    data.laterUntilMs = plan.delayMs + LATER_MS;
  } else if (fate < 0.14) opts.keepResultMs = 500;
  if (fate < 0.06 || fate >= 0.08) return;
  const afterMs = plan.delayMs + data.workMs + random.int(100, 500);
  if (random.chance(0.5)) plan.changes.push({ verb: "update", afterMs, data: healthy(data, random) });
  plan.changes.push({ verb: "requeue", afterMs: plan.changes.length === 0 ? afterMs : 0 });
}

/** What is done to it while it waits. */
function giveChanges(plan, random, number, laterMaxMs) {
  const { data, opts, changes } = plan;
  const kind = random.next();
  const afterMs = random.int(0, laterMaxMs);
  const soonMs = random.int(0, plan.delayMs);
  const delayMs = random.int(100, laterMaxMs);
  const isAt = random.chance(0.4);
  const tag = random.int(0, 1);
  if (kind < 0.08) {
    opts.id = `twice-${data.key}`;
    changes.push({ verb: "addAgain", afterMs, data: { ...data, key: `${data.key}-again` } });
  } else if (kind < 0.09) opts.id = `shared-${Math.floor(number / SHARED_EVERY)}`;
  else if (kind < 0.13) changes.push({ verb: "cancel", afterMs });
  else if (kind < 0.17) changes.push({ verb: "reschedule", afterMs: soonMs, delayMs, isAt });
  else if (kind < 0.2) changes.push({ verb: "update", afterMs: soonMs, data: healthy(data, random) });
  else if (kind < 0.21) {
    plan.delayMs = random.int(...RUN_NOW_AHEAD_MS);
    changes.push({ verb: "runNow", afterMs: random.int(0, 500) });
    if (tag === 1) changes.unshift({ verb: "reschedule", afterMs: 0, delayMs: plan.delayMs, isAt });
  }
}

function healthy({ key }, random) {
  return { key: `${key}-new`, workMs: random.int(1, 30) };
}
