import { faultsOf, pendingIn, some } from "./keyspace.js";

/*
 * Holds what must always be so against what a run left behind: the logs of all processes and the keyspace. A pure function.
 *
 * An id may live more than once: it is added again after it has ended. Each life begins with an acknowledged add that did
 * not find the id, or with one of unknown outcome. Every start of a handler belongs to one life, and must be the only one
 * of it unless
 *   - the start before it asked for that: it failed, postponed the task, or was released by a worker that closed;
 *   - or it lost its lease: its worker was killed, or said so itself. That one is counted as a duplicate.
 * What is neither is found as `unexplained`. Host clocks are asked for nothing but whether a task began before its time.
 */

/** The wall clock may be slewed during a run. */
const CLOCK_SLACK_MS = 50;
const ASKED_FOR_AGAIN = new Set(["failed", "later", "released"]);

/**
 * @param run.events    all events of all roles: { role, event, t, ... }
 * @param run.killed    names of the workers that were killed
 * @param run.concurrency how many tasks a worker may hold
 * @param run.blinded   how often a worker was cut off past its leases: what it had claimed and not heard of is gone
 * @param run.pictures  of all shards, after all has come to rest; undefined if it could not be read
 * @param run.samples   faults found in pictures taken during the run
 * @param run.isDrained whether nothing was on its way any more, in time
 * @param run.epochMs   the wall clock at monotonic 0
 * @param run.faults    { kind, victims, startT, endT } of the nemesis
 * @param run.troubles  what went wrong with the processes themselves
 */
export function check(run) {
  const lives = livesOf(run.events);
  const findings = [];
  const find = (kind, items) => {
    if (items.length > 0) findings.push({ kind, count: items.length, text: some(items) });
  };

  const { pictures = [] } = run;
  const dead = new Set(pictures.flatMap(({ places }) => places.get("dead")));
  const stuck = pendingIn(pictures);
  const present = new Set([...stuck, ...dead]);

  const lost = lostOf(lives, present);
  find("lost", lost);
  find("early", earlyOf(run, lives));
  find("stuck", run.isDrained ? [] : stuck);
  const backwards = backwardsOf(run.events);
  find("fence backwards", backwards);
  const { duplicates, unexplained } = duplicatesOf(run, lives);
  find("unexplained second run", unexplained);
  find("settled under a lost lease", lateSettlesOf(lives));
  find("twin", twinsOf(lives));
  find("never added", ghostsOf(lives));
  find("other payload", payloadsOf(lives));
  find("started after its cancel", cancelledStartsOf(lives));
  find("attempts", attemptsOf(lives));
  find("due time moved", movedOf(lives));
  find("dead without a reason", needlessDeathsOf(lives, dead, run));
  find("counters and logs differ", countersOf(run, lives));
  find("trouble", run.troubles);
  for (const fault of run.samples) findings.push({ ...fault, kind: `${fault.kind}, during` });
  for (const picture of pictures) findings.push(...faultsOf(picture));

  const ran = [...lives.values()].filter(({ adds, starts }) => adds.length > 0 && starts.length > 0);
  return {
    acknowledged: [...lives.values()].reduce((sum, { adds }) => sum + adds.length, 0),
    run: ran.reduce((sum, { adds, starts }) => sum + Math.min(adds.length, starts.length), 0),
    duplicates,
    lost: lost.length,
    early: findings.find(({ kind }) => kind === "early")?.count ?? 0,
    stuck: run.isDrained ? 0 : Math.max(1, stuck.length),
    fenceBackwards: backwards.length,
    ...timesOf(run, lives),
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

/** id -> all that is known of it, each list in order of time. */
function livesOf(events) {
  const lives = new Map();
  const lifeOf = (id) => {
    let life = lives.get(id);
    if (life === undefined) {
      life = { id, adds: [], existed: [], unknown: 0, cancels: [], starts: [], byFence: new Map() };
      lives.set(id, life);
    }
    return life;
  };
  for (const event of events) {
    if (event.event === "added")
      (event.existed ? lifeOf(event.id).existed : lifeOf(event.id).adds).push(event);
    else if (event.event === "unknown") lifeOf(event.id).unknown++;
    else if (event.event === "cancel") lifeOf(event.id).cancels.push(event);
    else if (event.event === "start") {
      const life = lifeOf(event.id);
      const start = { ...event };
      life.starts.push(start);
      life.byFence.set(`${event.fence} ${event.role}`, start);
    }
  }
  for (const event of events) {
    const start = lives.get(event.id)?.byFence.get(`${event.fence} ${event.role}`);
    if (start === undefined) continue;
    if (event.event === "end") Object.assign(start, { outcome: event.outcome, endT: event.t });
    else if (event.event === "completed") start.completedT = event.t;
    else if (event.event === "leaseLost") start.lostT = event.t;
  }
  for (const life of lives.values()) {
    life.adds.sort((a, b) => a.addedAtMs - b.addedAtMs);
    life.starts.sort((a, b) => a.fence - b.fence || a.t - b.t);
  }
  return lives;
}

/** Acknowledged, and neither done, nor cancelled, nor anywhere. */
function lostOf(lives, present) {
  const lost = [];
  for (const { id, adds, cancels, starts } of lives.values()) {
    const done = starts.filter(({ outcome }) => outcome === "ok").length;
    const cancelled = cancels.filter(
      ({ outcome }) => outcome === "cancelled" || outcome === "unknown",
    ).length;
    const missing = adds.length - done - cancelled - (present.has(id) ? 1 : 0);
    if (missing > 0) lost.push(id);
  }
  return lost;
}

/**
 * Before its due time by the claim's Redis clock, or by the wall clock when the handler began. And the due time must be the
 * asked one: a delay counts from when Redis took the task, whatever the clock of the producer says.
 */
function earlyOf({ epochMs }, lives) {
  const early = [];
  for (const { id, adds, starts, unknown } of lives.values()) {
    for (const { t, nowMs, dueAtMs } of starts)
      if (nowMs < dueAtMs || t + epochMs + CLOCK_SLACK_MS < dueAtMs)
        early.push(`${id} by ${dueAtMs - nowMs} ms`);
    for (const { sentT, t, dueAtMs, delayMs, atMs } of adds) {
      const isOff =
        delayMs === undefined
          ? dueAtMs !== atMs
          : dueAtMs - delayMs < sentT + epochMs - CLOCK_SLACK_MS ||
            dueAtMs - delayMs > t + epochMs + CLOCK_SLACK_MS;
      if (isOff) early.push(`${id} is due ${dueAtMs}, which was not asked for`);
    }
    const [first] = starts;
    const [added] = adds;
    if (adds.length === 1 && unknown === 0 && first !== undefined && first.nowMs < added.dueAtMs)
      early.push(`${id} before its acknowledged time, by ${added.dueAtMs - first.nowMs} ms`);
  }
  return early;
}

/** Per shard a later claim has a higher fence, and no two workers have the same one. */
function backwardsOf(events) {
  const backwards = [];
  const shards = groupBy(events, ({ shard }) => shard);
  for (const [shard, all] of shards) {
    if (shard === undefined) continue;
    const starts = all.filter(({ event }) => event === "start").toSorted((a, b) => a.nowMs - b.nowMs);
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

function groupBy(list, keyOf) {
  const groups = new Map();
  for (const one of list) {
    const key = keyOf(one);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(one);
  }
  return groups;
}

function duplicatesOf({ killed }, lives) {
  const dead = new Set(killed);
  const unexplained = [];
  let duplicates = 0;
  for (const { id, adds, unknown, starts } of lives.values()) {
    const counting = starts.filter(({ outcome }) => !ASKED_FOR_AGAIN.has(outcome));
    const extra = counting.length - adds.length - unknown;
    const disturbed = starts.filter(({ role, lostT }) => lostT !== undefined || dead.has(role)).length;
    if (extra > 0) duplicates += extra;
    if (extra > disturbed) unexplained.push(`${id} ran ${counting.length} times`);
  }
  return { duplicates, unexplained };
}

/** Its worker was told that the settle counted, though the task had been claimed anew before its handler ended. */
function lateSettlesOf(lives) {
  const late = [];
  for (const { id, starts } of lives.values())
    for (const start of starts)
      if (
        start.completedT !== undefined &&
        starts.some((other) => other.fence > start.fence && other.t < (start.endT ?? start.completedT))
      )
        late.push(`${id} under ${start.fence}`);
  return late;
}

/** An add said that it made the task, though the task was alive. */
function twinsOf(lives) {
  const twins = [];
  for (const { id, adds, unknown, cancels, starts } of lives.values()) {
    if (unknown > 0 || cancels.length > 0) continue;
    for (let i = 1; i < adds.length; i++) {
      const [older, newer] = [adds[i - 1], adds[i]];
      const hasRun = starts.some(({ nowMs }) => nowMs >= older.addedAtMs && nowMs <= newer.addedAtMs);
      if (!hasRun) twins.push(id);
    }
  }
  return twins;
}

function ghostsOf(lives) {
  return [...lives.values()]
    .filter(
      ({ adds, unknown, starts, existed }) =>
        adds.length + unknown === 0 && starts.length + existed.length > 0,
    )
    .map(({ id }) => id);
}

/** What ran is what was added: of one life, the payload of the add that made it. */
function payloadsOf(lives) {
  return [...lives.values()]
    .filter(({ unknown }) => unknown === 0)
    .filter(({ adds, starts }) => starts.some((start) => !adds.some(({ key }) => key === start.key)))
    .map(({ id }) => id);
}

function cancelledStartsOf(lives) {
  const found = [];
  for (const { id, adds, cancels, starts } of lives.values()) {
    if (adds.length > 1) continue;
    for (const { outcome, t } of cancels)
      if (outcome === "cancelled" && starts.some((start) => start.t > t)) found.push(id);
  }
  return found;
}

/**
 * The attempt of a start is one more than that before it if that failed, the same if it was postponed or released. One more
 * than that may stand for a lease that was lost, which is counted against the counter of those, in `countersOf`.
 */
function attemptsOf(lives) {
  const found = [];
  for (const { id, adds, unknown, starts } of lives.values()) {
    if (adds.length + unknown !== 1) continue;
    starts.forEach((start, i) => {
      const expected = i === 0 ? 1 : nextAttempt(starts[i - 1]);
      if (start.attempt < expected) found.push(`${id}: attempt ${start.attempt}, expected ${expected}`);
    });
  }
  return found;
}

/** The least that the next start may be. */
function nextAttempt({ attempt, outcome, lostT }) {
  if (outcome === "failed") return attempt + 1;
  return outcome === undefined && lostT === undefined ? attempt + 1 : attempt;
}

/** A task that was released, or whose worker died with it, is due as it was. */
function movedOf(lives) {
  const found = [];
  for (const { id, adds, unknown, starts } of lives.values()) {
    if (adds.length + unknown !== 1) continue;
    for (let i = 1; i < starts.length; i++) {
      const { outcome, dueAtMs } = starts[i - 1];
      const isAsItWas = outcome === "released" || outcome === undefined;
      if (isAsItWas && starts[i].dueAtMs !== dueAtMs)
        found.push(`${id}: ${starts[i].dueAtMs}, before ${dueAtMs}`);
    }
  }
  return found;
}

/** How many attempts were used that no handler's failure explains. */
function unexplainedAttempts(lives) {
  let used = 0;
  for (const { adds, unknown, starts } of lives.values()) {
    if (adds.length + unknown !== 1) continue;
    starts.forEach((start, i) => {
      const before = starts[i - 1];
      const explained = before === undefined ? 1 : before.attempt + (before.outcome === "failed" ? 1 : 0);
      used += Math.max(0, start.attempt - explained);
    });
  }
  return used;
}

/** Buried though no handler had failed for good. */
function needlessDeathsOf(lives, dead, { killed, blinded }) {
  if (killed.length + blinded > 0) return [];
  return [...dead].filter((id) => {
    const starts = lives.get(id)?.starts ?? [];
    return !starts.some(
      ({ outcome, lostT }) => outcome === "failed" || outcome === "fatal" || lostT !== undefined,
    );
  });
}

/** The counters of the shards against what the processes said. */
function countersOf({ pictures = [], events, killed, blinded, concurrency, isDrained }, lives) {
  if (pictures.length === 0) return [];
  const sum = (name) => pictures.reduce((all, { counters }) => all + (counters[name] ?? 0), 0);
  const all = [...lives.values()];
  const starts = all.flatMap((life) => life.starts);
  const howMany = (isSo) => starts.filter(isSo).length;
  const adds = all.reduce((count, life) => count + life.adds.length, 0);
  const unknown = all.reduce((count, life) => count + life.unknown, 0);
  const cancels = events.filter(({ event }) => event === "cancel");
  const cancelled = cancels.filter(({ outcome }) => outcome === "cancelled").length;
  const cancelUnknown = cancels.filter(({ outcome }) => outcome === "unknown").length;
  const failed = howMany(({ outcome }) => outcome === "failed" || outcome === "fatal");
  const released = howMany(({ outcome }) => outcome === "released" || outcome === "later");
  const lost = events.filter(({ event }) => event === "leaseLost").length;
  const mayVanish = (killed.length + blinded) * concurrency;
  const reaped = sum("recovered") + (sum("dead") - sum("failed") + sum("retried"));

  const off = [];
  const between = (name, value, min, max) => {
    if (value < min || value > max)
      off.push(`${name} is ${value}, expected ${min === max ? min : `${min} to ${max}`}`);
  };
  between("added", sum("added"), adds, adds + unknown);
  between("cancelled", sum("cancelled"), cancelled, cancelled + cancelUnknown);
  between(
    "completed",
    sum("completed"),
    howMany(({ completedT }) => completedT !== undefined),
    Infinity,
  );
  between(
    "completed",
    sum("completed"),
    0,
    howMany(({ outcome }) => outcome === "ok"),
  );
  if (isDrained) between("failed", sum("failed"), failed - lost - mayVanish, failed);
  between("leases that expired", reaped, 0, lost + mayVanish);
  between("attempts used by expired leases", unexplainedAttempts(lives), 0, reaped);
  if (lost + mayVanish === 0 && isDrained) between("released", sum("released"), released, Infinity);
  return off;
}

/** The longest time without a start while there was something to do, lag, and how soon work went on after each fault. */
function timesOf({ events, faults, epochMs }, lives) {
  const starts = events.filter(({ event }) => event === "start").toSorted((a, b) => a.t - b.t);
  const lags = starts.map(({ t, dueAtMs }) => Math.max(0, t + epochMs - dueAtMs)).toSorted((a, b) => a - b);
  const percentile = (share) => Math.round(lags[Math.floor((lags.length - 1) * share)] ?? 0);
  const firsts = faults
    .map((fault) => firstStartAfter(fault, starts, lives))
    .filter((ms) => ms !== undefined);
  return {
    longestStallMs: Math.round(longestStall(starts, epochMs)),
    firstStartMs: firsts.length === 0 ? undefined : Math.round(Math.max(...firsts)),
    lagP50Ms: percentile(0.5),
    lagP99Ms: percentile(0.99),
    lagMaxMs: percentile(1),
  };
}

/** Between two starts, counted from when the first task that was waiting had become due. */
function longestStall(starts, epochMs) {
  let longest = 0;
  let earliestDueT = Infinity;
  for (let i = starts.length - 1; i > 0; i--) {
    earliestDueT = Math.min(earliestDueT, starts[i].dueAtMs - epochMs);
    longest = Math.max(longest, starts[i].t - Math.max(starts[i - 1].t, earliestDueT));
  }
  return longest;
}

function firstStartAfter({ kind, victims, startT, endT }, starts, lives) {
  const firstOf = (list, fromT) => {
    const first = list.find(({ t }) => t >= fromT);
    return first === undefined ? undefined : first.t - fromT;
  };
  if (kind === "redis-away") return firstOf(starts, endT);
  if (kind === "scheduler") {
    const shards = groupBy(starts, ({ shard }) => shard);
    return Math.max(...[...shards.values()].map((all) => firstOf(all, startT) ?? 0));
  }
  if (kind !== "worker") return firstOf(starts, startT);
  const held = starts.filter(
    ({ role, t, id, fence }) =>
      victims.includes(role) &&
      t < startT &&
      !((lives.get(id)?.byFence.get(`${fence} ${role}`)?.endT ?? Infinity) < startT),
  );
  const again = held
    .map(({ id, fence, role }) => lives.get(id).starts.find((one) => one.fence > fence && one.role !== role))
    .filter((start) => start !== undefined && start.t > startT);
  return again.length === 0 ? firstOf(starts, startT) : Math.max(...again.map(({ t }) => t - startT));
}
