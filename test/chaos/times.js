import { groupBy } from "./histories.js";
import { CALL_MAX_MS, LAG_MAX_MS, LOAD_SHARE_MIN, aftermathMs } from "./limits.js";
import { isOfOldClock } from "./old-clock.js";
import { possiblePausesOf } from "./pauses.js";

/** A task is ahead of its time when it was added this long before: then a scheduler, not its add, makes it run. */
const AHEAD_MS = 100;
/** Between what Redis calls now and what a log does, in one instant. */
const CLAIMED_SLACK_MS = 5;
const SINGLE = new Set(["add", "cancel", "reschedule", "update", "runNow", "requeue"]);

/** The longest time without a start while there was something to do, lag, and how soon work went on after each fault. */
export function timesOf({ events, faults, epochMs, histories, calls }) {
  const byId = new Map(histories.map((history) => [history.id, history]));
  const pauses = possiblePausesOf(calls);
  const all = events.filter(({ event }) => event === "start").toSorted((a, b) => a.t - b.t);
  const isUnpaused = ({ dueAtMs, t }) =>
    !pauses.some(({ fromT, toT }) => dueAtMs - epochMs < toT && t > fromT);
  const starts = all.filter(isUnpaused);
  const punctual = histories.flatMap(firstStartsOf).filter(isUnpaused);
  const lags = sorted(punctual.map((start) => lagOf(start, epochMs)));
  const firsts = faults
    .map((fault) => firstStartAfter(fault, all, byId, epochMs))
    .filter((ms) => ms > -Infinity); // else there was nothing to wait for
  const without = faults
    .filter(({ kind }) => kind === "scheduler")
    .flatMap(({ startT, endT }) =>
      punctual.filter(({ dueAtMs }) => dueAtMs >= startT + epochMs && dueAtMs <= endT + epochMs),
    );
  return {
    longestStallMs: Math.round(longestStall(starts, epochMs, pauses)),
    firstStartMs: firsts.length === 0 ? undefined : Math.round(Math.max(...firsts)),
    lagP50Ms: percentile(lags, 0.5),
    lagP99Ms: percentile(lags, 0.99),
    lagMaxMs: percentile(lags, 1),
    faultLagP99Ms:
      without.length === 0
        ? undefined
        : percentile(sorted(without.map((start) => lagOf(start, epochMs))), 0.99),
  };
}

/**
 * What took longer than was promised.
 *
 * @param limits firstStartMs, faultLagP99Ms, lagMaxMs, marginMs, acknowledgedMin; what is undefined is not held
 */
export function limitsBroken(known, times) {
  const { limits = {} } = known;
  const { marginMs = 0 } = limits;
  const broken = [];
  for (const [name, word] of [
    ["firstStartMs", "first start after"],
    ["faultLagP99Ms", "lag p99 without a scheduler"],
  ]) {
    if (limits[name] === undefined) continue;
    const most = limits[name] + marginMs;
    if (times[name] === undefined) broken.push(`${word}: nothing was seen`);
    else if (times[name] > most) broken.push(`${word} ${times[name]} ms, at most ${most}`);
  }
  broken.push(...lateOf(known, (limits.lagMaxMs ?? LAG_MAX_MS) + marginMs));
  broken.push(...longCallsOf(known, CALL_MAX_MS + marginMs));
  const asked = (limits.load ?? 0) * LOAD_SHARE_MIN;
  const got = known.calls.filter(({ verb, outcome }) => verb === "add" && outcome === "added").length;
  if (got < asked) broken.push(`${got} adds were acknowledged, at least ${Math.round(asked)} expected`);
  return broken;
}

/** Started late, not counting the time near a fault that struck its shard, in a pause, or until a clock is right again. */
function lateOf({ histories, faults, epochMs, calls, leaseMs }, mostMs) {
  const harmful = faults.filter(({ isHarmless }) => isHarmless !== true);
  const pauses = possiblePausesOf(calls);
  const excusesOf = (shard) => [
    ...harmful
      .filter((fault) => isOfFault(shard, fault))
      .map(({ kind, startT, endT }) => ({ fromT: startT, toT: endT + aftermathMs(kind, leaseMs) })),
    ...pauses,
  ];
  const putBack = faults.filter(({ clock }) => clock === "back");
  const waitsOf = (history, t) =>
    putBack
      .filter((fault) => isOfOldClock(fault, { t, history }))
      .map(({ kind, startT, rightT = Infinity }) => ({
        fromT: startT,
        toT: rightT + aftermathMs(kind, leaseMs),
      }));
  const late = [];
  for (const history of histories)
    for (const { t, dueAtMs, shard } of firstStartsOf(history)) {
      const excuses = [...excusesOf(shard), ...waitsOf(history, t)].toSorted((a, b) => a.fromT - b.fromT);
      const lateMs = uncoveredMs(dueAtMs - epochMs, t, excuses);
      if (lateMs > mostMs) late.push(`${history.id} was ${Math.round(lateMs)} ms late, at most ${mostMs}`);
    }
  return late;
}

/** Every call of one task is answered, whatever happens; what a killed producer had asked for is not. */
function longCallsOf({ calls, killed }, mostMs) {
  return calls
    .filter(({ verb, isFirst, role }) => SINGLE.has(verb) && isFirst === undefined && !killed.includes(role))
    .filter(({ sentT, t }) => t - sentT > mostMs)
    .map(({ verb, id, sentT, t }) => `${verb} of ${id} took ${Math.round(t - sentT)} ms, at most ${mostMs}`);
}

/** How much of a time lies in no window; they are in order. */
function uncoveredMs(fromT, toT, windows) {
  let uncovered = 0;
  let seenT = fromT;
  for (const window of windows) {
    uncovered += Math.max(0, Math.min(toT, window.fromT) - seenT);
    seenT = Math.max(seenT, window.toT);
  }
  return uncovered + Math.max(0, toT - seenT);
}

/** The first start under each due time: who was released, or lost its lease, is due as before. */
const firstStartsOf = ({ starts }) =>
  starts.filter(({ dueAtMs }, i) => i === 0 || dueAtMs !== starts[i - 1].dueAtMs);

const lagOf = ({ t, dueAtMs }, epochMs) => Math.max(0, t + epochMs - dueAtMs);
const sorted = (numbers) => numbers.toSorted((a, b) => a - b);
const percentile = (numbers, share) => Math.round(numbers[Math.floor((numbers.length - 1) * share)] ?? 0);

/** Between two starts, counted from when the first task that was waiting had become due; pauses are none. */
function longestStall(starts, epochMs, pauses) {
  let longest = 0;
  let earliestDueT = Infinity;
  for (let i = starts.length - 1; i > 0; i--) {
    earliestDueT = Math.min(earliestDueT, starts[i].dueAtMs - epochMs);
    const fromT = Math.max(starts[i - 1].t, earliestDueT);
    const isPaused = pauses.some((pause) => pause.fromT < starts[i].t && pause.toT > fromT);
    if (!isPaused) longest = Math.max(longest, starts[i].t - fromT);
  }
  return longest;
}

/**
 * After a worker: until the last of the tasks that it was running has started again. After a scheduler: until in each shard
 * one has started that became due since, and waited for a scheduler. After Redis: from its return, until anything starts.
 * After a master: until in each of the shards that it had something has started that was claimed since.
 */
function firstStartAfter({ kind, victims, shards, startT, endT, goneT = startT }, starts, byId, epochMs) {
  const firstOf = (list, fromT) => (list.find(({ t }) => t >= fromT)?.t ?? Infinity) - fromT;
  if (kind === "redis-away") return firstOf(starts, endT);
  if (kind === "failover") {
    const ofMaster = starts.filter(({ shard }) => isOfFault(shard, { shards }));
    const isByNew = ({ nowMs }) => nowMs - epochMs > goneT + CLAIMED_SLACK_MS;
    const inShards = [...groupBy(ofMaster, ({ shard }) => shard).values()];
    return Math.max(...inShards.map((all) => firstOf(all.filter(isByNew), goneT)));
  }
  if (kind === "scheduler") {
    const waited = starts.filter(
      ({ id, attempt, dueAtMs }) =>
        attempt === 1 && dueAtMs >= startT + epochMs && dueAtMs - addedAtMsOf(byId.get(id)) >= AHEAD_MS,
    );
    return Math.max(
      ...[...groupBy(waited, ({ shard }) => shard).values()].map((all) => firstOf(all, startT)),
    );
  }
  if (kind !== "worker") return firstOf(starts, startT);
  const again = heldAt(starts, victims, startT, byId)
    .map(({ id, fence, role }) => byId.get(id).starts.find((one) => one.fence > fence && one.role !== role))
    .filter((start) => start !== undefined && start.t > startT);
  return Math.max(...again.map(({ t }) => t - startT));
}

const isOfFault = (shard, { shards }) => shards?.includes(shard) ?? true;

const addedAtMsOf = ({ adds }) => adds[0]?.addedAtMs ?? Infinity;

/** What processes were running at an instant, by their own logs. */
function heldAt(starts, roles, atT, byId) {
  return starts.filter(({ role, t, id, fence }) => {
    if (!roles.includes(role) || t >= atT) return false;
    const start = byId.get(id).starts.find((one) => one.fence === fence && one.role === role);
    return !(start.endT < atT);
  });
}
