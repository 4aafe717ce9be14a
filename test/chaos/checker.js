import { countersOf } from "./counters.js";
import { groupBy, historiesOf, isMove } from "./histories.js";
import { faultsOf, pendingIn, some } from "./keyspace.js";
import { isOfOldClock } from "./old-clock.js";
import { surePausesOf } from "./pauses.js";
import { secondRunsOf } from "./second-runs.js";
import { limitsBroken, timesOf } from "./times.js";

/*
 * Holds what must always be so against what a run left behind: the logs of all processes and the keyspace. A pure function.
 *
 * Host clocks are asked for nothing but whether a task began before its time: the clock of the host that Redis runs on is
 * Redis' own, and monotonic times are counted from it.
 */

/** The wall clock may be slewed during a run. */
export const CLOCK_SLACK_MS = 50;
/** Between what Redis calls now and what a log does, in one instant. */
const PAUSE_SLACK_MS = 5;

/**
 * @param run.events    all events of all roles, in order of time: { role, event, t, ... }
 * @param run.promised  "none lost", or "counted": then what was acknowledged shortly before a failover may be lost with it
 * @param run.killed    names of the processes that were killed
 * @param run.killedWorkers how many of them were workers
 * @param run.concurrency how many tasks a worker may hold
 * @param run.blinded   how often a worker was cut off past its leases: what it had claimed and not heard of is gone
 * @param run.pictures  of all shards, after all has come to rest; undefined if it could not be read
 * @param run.samples   faults found in pictures taken during the run
 * @param run.isDrained whether nothing was on its way any more, in time
 * @param run.epochMs   the wall clock at monotonic 0
 * @param run.faults    { kind, victims, startT, goneT, endT, struck, least, clock, rightT, livesOn (the old master was frozen) } of the nemesis, see old-clock.js; where a replica became master, `fallback`,
 *                      { fromT, goneT, endT, toT, shards, forgetsAnswers }: what was done then, in these shards, may be gone
 * @param run.mustLose  whether it has not struck unless something is lost
 * @param run.codes     the errors that its faults may cause
 * @param run.troubles  what went wrong with the processes themselves
 * @param run.limits    see `limitsBroken`
 * @param run.leaseMs
 */
export function check(run) {
  const fallbacks = run.faults.flatMap(({ fallback = [] }) => fallback);
  const areCallsKept = run.promised !== "counted";
  const told = [...historiesOf(run.events, run.killed, { fallbacks }).histories.values()];
  const { histories, calls, unclaimed } = historiesOf(run.events, run.killed, { fallbacks, areCallsKept });
  const known = { ...run, histories: [...histories.values()], calls, unclaimed };
  const findings = [];
  const find = (kind, items) => {
    if (items.length > 0) findings.push({ kind, count: items.length, text: some(items) });
  };

  const { pictures = [] } = run;
  known.dead = new Set(pictures.flatMap(({ places }) => places.get("dead")));
  const stuck = pendingIn(pictures);
  known.present = new Set([...stuck, ...known.dead]);

  const lost = lostOf({ ...known, histories: told });
  const early = earlyOf(known);
  const backwards = backwardsOf(run.events);
  const { duplicates, unexplained, wrongAttempts, movedDues, vanished } = secondRunsOf(known);
  known.vanished = vanished;
  const times = timesOf(known);
  find("lost", lostOf(known));
  const putForward = run.faults.filter(({ clock }) => clock === "forward");
  find(
    "early",
    early.filter((one) => !putForward.some((fault) => isOfOldClock(fault, one))).map(({ text }) => text),
  );
  find("stuck", run.isDrained ? [] : stuck.length > 0 ? stuck : ["something, when it was looked at"]);
  find("fence backwards", backwards);
  find("unexplained second run", unexplained);
  find("attempts", wrongAttempts);
  find("due time", [...movedDues, ...wrongDuesOf(known)]);
  find("settled under a lost lease", lateSettlesOf(known));
  find("twin", twinsOf(known));
  find("existed though gone", existedThoughGone(known));
  find("never added", ghostsOf(known));
  find("other payload", payloadsOf(known));
  find("started after its cancel", cancelledStartsOf(known));
  find("started while paused", pausedStartsOf(known));
  find("requeued and not run", run.isDrained ? requeuedInVain(known) : []);
  find("dead without a reason", needlessDeathsOf(known));
  find(
    "not forgotten",
    pictures.flatMap(({ places }) => places.get("done")),
  );
  find("bulk lists", bulkFaultsOf(run.events));
  find("counters and logs differ", countersOf(known));
  find("refused", refusalsOf(known));
  find("fault did not strike", missesOf(run, lost));
  find("slow", limitsBroken(known, times));
  find("trouble", run.troubles);
  for (const fault of run.samples) findings.push({ ...fault, kind: `${fault.kind}, during` });
  for (const picture of pictures) findings.push(...faultsOf(picture));

  const ran = told.filter((one) => acknowledgedOf(one) > 0 && one.starts.length > 0);
  return {
    acknowledged: told.reduce((sum, one) => sum + acknowledgedOf(one), 0),
    run: ran.reduce((sum, one) => sum + Math.min(acknowledgedOf(one), one.starts.length), 0),
    duplicates,
    lost: lost.length,
    early: early.length,
    stuck: run.isDrained ? 0 : Math.max(1, stuck.length),
    fenceBackwards: backwards.length,
    ...times,
    findings: merged(findings),
  };
}

/** One finding a kind: how often, and the first examples. */
export function merged(findings) {
  return [...groupBy(findings, ({ kind }) => kind)].map(([kind, same]) => ({
    kind,
    count: same.reduce((sum, { count }) => sum + count, 0),
    text: some(same.map(({ text }) => text)),
  }));
}

/** How many tasks were acknowledged under an id. To be told that it is there is an acknowledgement too. */
const acknowledgedOf = ({ adds, there }) => Math.max(adds.length, there.length > 0 ? 1 : 0);

/** Acknowledged, and neither done, nor cancelled, nor anywhere. */
function lostOf({ histories, present }) {
  return histories
    .filter((history) => {
      const { id, changes, starts } = history;
      const done = starts.filter(({ outcome }) => outcome === "ok").length;
      const cancelled = changes.filter(
        ({ verb, outcome }) => verb === "cancel" && (outcome === "cancelled" || outcome === "unknown"),
      ).length;
      return acknowledgedOf(history) - done - cancelled - (present.has(id) ? 1 : 0) > 0;
    })
    .map(({ id }) => id);
}

/** Before its due time by the claim's Redis clock, by the wall clock when the handler began, or before what was acknowledged. */
function earlyOf({ epochMs, histories }) {
  const early = [];
  for (const history of histories) {
    const { id, starts } = history;
    for (const { t, nowMs, dueAtMs } of starts)
      if (nowMs < dueAtMs || t + epochMs + CLOCK_SLACK_MS < dueAtMs)
        early.push({ t, history, text: `${id} by ${dueAtMs - nowMs} ms` });
    for (const start of starts) {
      const askedMs = leastDueMs(history, start, epochMs);
      if (start.nowMs < askedMs) {
        const text = `${id} by ${Math.ceil(askedMs - start.nowMs)} ms of what was asked`;
        early.push({ t: start.t, history, text });
      }
    }
  }
  return early;
}

/**
 * When a start may be at the earliest, by the last change of the due time that was acknowledged and that no other call
 * blurs; an add may also be of unknown outcome, for nothing can be before it.
 */
function leastDueMs({ adds, maybe, changes }, start, epochMs) {
  const startT = start.nowMs - epochMs;
  const made = [...adds, ...maybe];
  if (made.length !== 1) return -Infinity;
  const moves = changes.filter(
    ({ verb, outcome, sentT }) => isMove(verb, outcome) && sentT <= startT + CLOCK_SLACK_MS,
  );
  if (moves.length === 0) return dueRangeOf(made[0], epochMs)[0];
  const last = moves.at(-1);
  const isBlurred = moves.some((move) => move !== last && move.t > last.sentT);
  if (isBlurred || last.outcome === "unknown" || last.t > startT) return -Infinity;
  return dueRangeOf(last, epochMs)[0];
}

/** From when to when what a call asks for may be, by the clock of Redis. */
function dueRangeOf({ verb, sentT, t, delayMs, atMs }, epochMs) {
  if (atMs !== undefined) return [atMs, atMs];
  const ms = delayMs ?? 0;
  const least = verb === "runNow" ? -Infinity : sentT + epochMs + ms - CLOCK_SLACK_MS;
  return [least, t + epochMs + ms + CLOCK_SLACK_MS];
}

/** A due time that was not asked for: a delay counts from when Redis took the call, whatever the caller's clock says. */
function wrongDuesOf({ epochMs, histories, faults }) {
  const wrong = [];
  const putForward = faults.filter(({ clock }) => clock === "forward");
  const isLeft = (history, { verb }, { t }) =>
    verb === "runNow" && putForward.some((fault) => isOfOldClock(fault, { t, history }));
  const hold = (id, dueAtMs, call) => {
    const [least, most] = dueRangeOf(call, epochMs);
    if (dueAtMs < least || dueAtMs > most)
      wrong.push(`${id} is due ${dueAtMs}, ${call.verb} asked for another`);
  };
  for (const history of histories) {
    const { id, adds, maybe, changes, starts } = history;
    for (const add of adds) if (add.dueAtMs !== undefined) hold(id, add.dueAtMs, add);
    if (adds.length + maybe.length !== 1) continue;
    starts.forEach((start, i) => {
      const startT = start.nowMs - epochMs;
      const { t, endT: sinceT = t } = starts[i - 1] ?? { t: -Infinity };
      const moves = changes.filter(
        ({ verb, outcome, sentT }) => isMove(verb, outcome) && sentT <= startT + CLOCK_SLACK_MS,
      );
      const last = moves.at(-1) ?? (i === 0 ? (adds[0] ?? maybe[0]) : undefined);
      const isClear =
        last !== undefined &&
        last.outcome !== "unknown" &&
        last.t < startT &&
        last.sentT > sinceT &&
        moves.every((move) => move === last || move.t < last.sentT);
      if (!isClear || (i > 0 && starts[i - 1].isDisturbed) || isLeft(history, last, start)) return;
      if (last.dueAtMs === undefined) hold(id, start.dueAtMs, last);
      else if (last.dueAtMs !== start.dueAtMs)
        wrong.push(`${id} is due ${start.dueAtMs}, not ${last.dueAtMs}`);
    });
  }
  return wrong;
}

/** Per shard a later claim has a higher fence, and no two workers have the same one. */
function backwardsOf(events) {
  const backwards = [];
  const shards = groupBy(
    events.filter(({ event }) => event === "start"),
    ({ shard }) => shard,
  );
  for (const [shard, all] of shards) {
    const starts = all.toSorted((a, b) => a.nowMs - b.nowMs);
    const holders = new Map();
    let highest = 0;
    let before = 0;
    for (let at = 0; at < starts.length;) {
      const { nowMs } = starts[at];
      for (; at < starts.length && starts[at].nowMs === nowMs; at++) {
        const { id, fence, role } = starts[at];
        if (fence <= before) backwards.push(`${id} in shard ${shard}: ${fence} after ${before}`);
        if ((holders.get(fence) ?? role) !== role)
          backwards.push(`${fence} in shard ${shard} has two holders`);
        holders.set(fence, role);
        highest = Math.max(highest, fence);
      }
      before = highest;
    }
  }
  return backwards;
}

/** Its worker was told that the settle counted, though the task had been claimed anew before its handler ended. */
function lateSettlesOf({ histories }) {
  return histories.flatMap(({ id, starts }) =>
    starts
      .filter(
        ({ fence, endT, completedT, fellBack }) =>
          completedT !== undefined &&
          !fellBack &&
          starts.some((other) => other.fence > fence && other.t < (endT ?? completedT)),
      )
      .map(({ fence }) => `${id} under ${fence}`),
  );
}

/** An add said that it made the task, though the task was alive. */
function twinsOf({ histories }) {
  const twins = [];
  for (const { id, adds, maybe, changes, starts } of histories) {
    if (maybe.length > 0 || changes.some(({ verb }) => verb === "cancel")) continue;
    const inTime = adds.toSorted((a, b) => a.addedAtMs - b.addedAtMs);
    for (let i = 1; i < inTime.length; i++) {
      const [older, newer] = [inTime[i - 1], inTime[i]];
      const hasRun = starts.some(
        ({ nowMs, outcome }) => outcome === "ok" && nowMs >= older.addedAtMs && nowMs <= newer.addedAtMs,
      );
      if (!hasRun) twins.push(id);
    }
  }
  return twins;
}

/** An add said that the task was there, though it was over and confirmed before the add was sent. */
function existedThoughGone({ histories }) {
  return histories
    .filter(
      ({ adds, there, maybe, starts }) =>
        maybe.length === 0 &&
        adds.length === 1 &&
        adds[0].keepResultMs === undefined &&
        there.some(({ sentT }) => starts.some(({ completedT, fellBack }) => completedT < sentT && !fellBack)),
    )
    .map(({ id }) => id);
}

function ghostsOf({ histories }) {
  return histories
    .filter(
      ({ adds, maybe, starts, there }) =>
        adds.length + maybe.length === 0 && starts.length + there.length > 0,
    )
    .map(({ id }) => id);
}

/** What ran is what was added, or what an update put in its place: from its answer on, and perhaps from when it was sent. */
function payloadsOf({ epochMs, histories }) {
  const found = [];
  for (const { id, adds, there, maybe, changes, starts } of histories) {
    const updates = changes.filter(
      ({ verb, outcome }) => verb === "update" && (outcome === "updated" || outcome === "unknown"),
    );
    const written = [...adds, ...maybe, ...there.filter(({ outcome }) => outcome === "there"), ...updates];
    for (const { key, nowMs } of starts) {
      const startT = nowMs - epochMs;
      const overs = written.filter(({ outcome, t }) => outcome !== "unknown" && t < startT - CLOCK_SLACK_MS);
      const may = written.filter(
        (one) =>
          one.sentT <= startT + CLOCK_SLACK_MS && !overs.some((over) => over !== one && over.sentT >= one.t),
      );
      // A life whose end was lost with its master runs again as it was.
      const isAgain = starts.some((one) => one.fellBack && one.nowMs < nowMs && one.key === key);
      if (!isAgain && !may.some((one) => one.key === undefined || one.key === key))
        found.push(`${id} ran ${key}, expected ${may.map((one) => one.key).join(" or ")}`);
    }
  }
  return found;
}

/**
 * Unless it was added again. A master that was frozen may also, when it goes on, give a task away that is cancelled at its
 * successor since it was frozen; nobody confirms such a run.
 */
function cancelledStartsOf({ histories, faults }) {
  const frozen = faults.filter(({ fallback, livesOn }) => livesOn && fallback !== undefined);
  const isOfOldMaster = ({ shard, completedT, t }, cancelT) =>
    completedT === undefined &&
    frozen.some(
      ({ fallback: { goneT, toT, shards } }) =>
        cancelT >= goneT && t <= toT && (shards === undefined || shards.includes(shard)),
    );
  return histories
    .filter(({ adds, maybe, changes, starts }) =>
      changes.some(
        ({ verb, outcome, t, sentT }) =>
          verb === "cancel" &&
          outcome === "cancelled" &&
          ![...adds, ...maybe].some((add) => add.t > sentT) &&
          starts.some((start) => start.t > t && !isOfOldMaster(start, t)),
      ),
    )
    .map(({ id }) => id);
}

/** Claimed between a pause that was confirmed and the resume after it. */
function pausedStartsOf({ calls, events, epochMs }) {
  const windows = surePausesOf(calls);
  return events
    .filter(
      ({ event, nowMs }) =>
        event === "start" &&
        windows.some(
          ({ fromT, toT }) =>
            nowMs - epochMs > fromT + PAUSE_SLACK_MS && nowMs - epochMs < toT - PAUSE_SLACK_MS,
        ),
    )
    .map(({ id, shard }) => `${id} in shard ${shard}`);
}

function requeuedInVain({ histories }) {
  return histories
    .filter(({ changes, starts }) =>
      changes.some(
        ({ verb, outcome, sentT }) =>
          verb === "requeue" && outcome === "requeued" && !starts.some(({ endT = Infinity }) => endT > sentT),
      ),
    )
    .map(({ id }) => id);
}

/** Buried though no handler had failed for good. Only who has few attempts may be buried by leases that expired. */
function needlessDeathsOf({ histories, dead, killedWorkers, blinded }) {
  const found = histories.filter(({ id, adds, maybe, there, starts, unstarted }) => {
    if (!dead.has(id)) return false;
    const attemptsMax = Math.min(...[...adds, ...maybe, ...there].map(({ attempts = 1 }) => attempts));
    const fellBack = starts.filter((start) => start.fellBack).length;
    const mayExpire = killedWorkers + blinded + unstarted.length + fellBack > 0 && attemptsMax <= 2;
    return (
      !starts.some(
        ({ outcome, attempt, isDisturbed }) =>
          outcome === "fatal" ||
          (attempt >= attemptsMax && (outcome === "failed" || isDisturbed || mayExpire)),
      ) && !(mayExpire && starts.length === 0)
    );
  });
  return found.map(({ id }) => id);
}

/** The error of an incomplete `addBulk` names each id once. */
function bulkFaultsOf(events) {
  const sizes = new Map(
    events
      .filter(({ event, verb }) => event === "ask" && verb === "addBulk")
      .map(({ role, n, items }) => [`${role} ${n}`, items]),
  );
  return events
    .filter(({ event, outcome }) => event === "answer" && outcome === "incomplete")
    .filter(({ role, n, added, refused, unknown }) => {
      const items = sizes.get(`${role} ${n}`);
      const all = [...added, ...refused, ...unknown];
      const asked = items.map(({ id }) => id).filter((id) => id !== undefined);
      return (
        new Set(all).size !== items.length ||
        all.length !== items.length ||
        !asked.every((id) => all.includes(id))
      );
    })
    .map(({ role, n }) => `call ${n} of ${role}`);
}

/** Errors that the faults of the scenario do not explain. */
function refusalsOf({ events, codes }) {
  const isBad = ({ event, code, outcome }) =>
    (event === "error" || (event === "answer" && ["refused", "unknown", "incomplete"].includes(outcome))) &&
    !codes.includes(code);
  return events
    .filter(isBad)
    .map(({ role, event, code, error }) => `${role}: ${event} ${code} ${error ?? ""}`);
}

function missesOf({ faults, mustLose }, lost) {
  if (faults.length === 0) return ["there was none"];
  const misses = faults
    .filter(({ struck, least = 1 }) => !(struck >= least))
    .map(({ name, struck, least = 1 }) => `${name}: ${struck ?? "nothing"}, at least ${least} expected`);
  if (mustLose === true && lost.length === 0) misses.push("nothing was lost, at least 1 task expected");
  return misses;
}
