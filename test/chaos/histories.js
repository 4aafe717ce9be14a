/*
 * What the logs say of each id: the calls that named it and the starts of its handler.
 *
 * A call has an instant at which it was sent and one at which it was answered; Redis did it somewhere in between. One that
 * failed with its outcome unknown, or was never answered because its producer was killed, was done or not: `unknown`. The
 * id of such an add may be unknown too; then the payload of a start tells.
 *
 * Where a replica became master, what its predecessor did last may be gone: `fallbacks` says when, and in which shards. A claim
 * or a settle of that time may count or not (`fellBack`). So may a call, if nobody waited for replicas: then it too is
 * `unknown`. A shard that nobody was told may be one of them.
 *
 * A call that had no answer when a master was gone is done again by the next one. What that says, that it changed nothing,
 * is true of the next one only: the old one may have done it, and the task may have run so. Beside its answer it is then
 * `unknown`, too. A cancel is not: a master that forgot it has the task, and one that knows it answers as the old one did. But
 * a clock that jumps makes a master forget what was answered, and not what was done (`forgetsAnswers`): what is sent to it again is
 * done again, whatever that is, and counted again (`isCounted`); else whoever has the count has the answer.
 */
const NEVER = Infinity;
const UNKNOWN = "unknown";
/** A settle that is not seen to be confirmed follows its end that soon. */
const SETTLED_WITHIN_MS = 2000;
const PAUSES = new Set(["pause", "resume"]);
/** Answers of calls about a task that changed nothing. */
const UNCHANGED = new Set(["refused", "missing", "leased", "dead", "done", "delayed", "ready"]);

/**
 * @param events    all events of all processes, in order of time
 * @param killed    names of the processes that were killed
 * @param fallbacks { fromT, goneT, endT, toT, shards, forgetsAnswers }: what was done from fromT to toT may be gone, in these
 *                  shards, or in all; from goneT on another master may have answered, and since endT this one did nothing
 * @param areCallsKept whether acknowledged calls are not
 * @returns { histories: id -> history, calls, unclaimed: adds of unknown outcome of which nothing was seen }
 */
export function historiesOf(events, killed = [], { fallbacks = [], areCallsKept = true } = {}) {
  const shardOf = shardsOf(events);
  const isGone = ({ id, sentT, t }) =>
    fallbacks.some(
      (fallback) => sentT <= fallback.toT && t >= fallback.fromT && isOfMaster(shardOf.get(id), fallback),
    );
  const isUnchanged = ({ verb, outcome }) => !PAUSES.has(verb) && UNCHANGED.has(outcome);
  const isOfTwo = ({ id, sentT, t }, { goneT, endT, toT, ...fallback }) =>
    sentT <= (endT ?? toT) && t >= goneT && isOfMaster(shardOf.get(id), fallback);
  const mayBeDoneTwice = (call) =>
    fallbacks.some((fallback) => isOfTwo(call, fallback) && isOfNextOnly(call, fallback));
  const told = callsOf(events);
  const calls = told.map((call) =>
    areCallsKept || !isGone(call) || isUnchanged(call)
      ? call
      : { ...call, outcome: call.outcome === "existed" ? "refused" : UNKNOWN },
  );
  const histories = new Map();
  const historyOf = (id) => {
    let history = histories.get(id);
    if (history === undefined) {
      history = { id, adds: [], there: [], maybe: [], changes: [], starts: [], unstarted: [] };
      histories.set(id, history);
    }
    return history;
  };
  const unclaimed = new Map();
  for (const [i, call] of calls.entries()) {
    if (PAUSES.has(call.verb)) continue;
    if (call.id !== undefined && mayBeDoneTwice(told[i])) {
      const { maybe, changes } = historyOf(call.id);
      const isCounted = fallbacks.some(({ forgetsAnswers }) => forgetsAnswers);
      (call.verb === "add" ? maybe : changes).push({ ...firstTryOf(call), isCounted });
    }
    if (call.verb !== "add") historyOf(call.id).changes.push(call);
    else if (call.id === undefined) {
      if (call.outcome === UNKNOWN) unclaimed.set(call.key, call);
    } else if (call.outcome === "added") historyOf(call.id).adds.push(call);
    else if (call.outcome === UNKNOWN) historyOf(call.id).maybe.push(call);
    else if (call.outcome !== "refused") {
      historyOf(call.id).there.push(call);
      // A bulk that was repeated does not say which of the two it was: that it existed, or that it was added again.
      if (call.outcome === "there") historyOf(call.id).maybe.push({ ...call, outcome: UNKNOWN });
    }
  }
  addStarts(events, new Set(killed), fallbacks, historyOf);
  for (const { id, adds, maybe, starts } of histories.values()) {
    const add = unclaimed.get(starts[0]?.key);
    if (adds.length + maybe.length > 0 || add === undefined) continue;
    maybe.push({ ...add, id });
    unclaimed.delete(add.key);
  }
  return { histories, calls, unclaimed: [...unclaimed.values()] };
}

/** Whether what is answered need not be so of the master before. */
function isOfNextOnly({ verb, outcome }, { forgetsAnswers = false }) {
  if (outcome === "refused") return false;
  if (verb === "cancel") return forgetsAnswers && outcome === "missing";
  return forgetsAnswers || outcome === "existed" || UNCHANGED.has(outcome);
}

/** The answer is that of another try. */
const firstTryOf = (call) => ({ ...call, outcome: UNKNOWN, dueAtMs: undefined, addedAtMs: undefined });

/** Each call with its answer; an `addBulk` as the adds that it stands for. */
function callsOf(events) {
  const asked = new Map();
  for (const event of events) {
    if (event.event === "ask") asked.set(`${event.role} ${event.n}`, { ask: event });
    else if (event.event === "answer") asked.get(`${event.role} ${event.n}`).answer = event;
  }
  return [...asked.values()].flatMap(({ ask, answer }) => {
    const { t: sentT, event: _, ...asks } = ask;
    const { t = NEVER, event: __, ...answers } = answer ?? { outcome: UNKNOWN };
    const call = { ...asks, ...answers, sentT, t };
    return call.verb === "addBulk" ? addsOf(call, ask.items) : [call];
  });
}

function addsOf({ role, sentT, t, outcome, code, items: answers, ...lists }, items) {
  const common = { verb: "add", role, sentT, t };
  if (outcome === "added")
    return items.map((item, i) => {
      const { existed, ...answer } = answers[i];
      return { ...common, ...item, ...answer, outcome: existed ? "existed" : "added" };
    });
  if (outcome !== "incomplete") return items.map((item) => ({ ...common, ...item, outcome, code }));
  const itemOf = new Map(items.map((item) => [item.id, item]));
  const of = (ids, word) =>
    ids.map((id) => ({ ...common, ...itemOf.get(id), id, code, outcome: word(itemOf.get(id)) }));
  return [
    ...of(lists.added, (item) => (item?.isFirst === false ? "there" : "added")),
    ...of(lists.refused, () => "refused"),
    ...of(lists.unknown, () => UNKNOWN),
  ];
}

function addStarts(events, killed, fallbacks, historyOf) {
  const byLease = new Map();
  const leaseOf = ({ id, fence, role }) => `${id} ${fence} ${role}`;
  for (const event of events) {
    if (event.event !== "start") continue;
    const start = { ...event };
    historyOf(event.id).starts.push(start);
    byLease.set(leaseOf(event), start);
  }
  for (const event of events) {
    const start = byLease.get(leaseOf(event));
    if (event.event === "leaseLost" && start === undefined) historyOf(event.id).unstarted.push(event);
    if (start === undefined) continue;
    if (event.event === "end") Object.assign(start, { outcome: event.outcome, endT: event.t });
    else if (event.event === "completed") start.completedT = event.t;
    else if (event.event === "leaseLost") start.lostT = event.t;
  }
  for (const start of byLease.values()) {
    start.isDisturbed =
      start.completedT === undefined && (start.lostT !== undefined || killed.has(start.role));
    start.fellBack = fallbacks.some((fallback) => mayBeGone(start, fallback));
  }
  for (const { starts } of [...byLease.values()].map(({ id }) => historyOf(id)))
    starts.sort((a, b) => a.fence - b.fence || a.t - b.t);
}

/** Whether its claim or its settle was done by a master that may not have passed it on. */
function mayBeGone({ shard, t, endT = NEVER, completedT = endT + SETTLED_WITHIN_MS }, fallback) {
  const { fromT, toT } = fallback;
  if (!isOfMaster(shard, fallback)) return false;
  return (t >= fromT && t <= toT) || (endT <= toT && completedT >= fromT);
}

const isOfMaster = (shard, { shards }) =>
  shard === undefined || shards === undefined || shards.includes(shard);

/** Id -> its shard, as producers were told or a worker saw. */
function shardsOf(events) {
  const shards = new Map();
  for (const { id, shard, items = [] } of events)
    for (const one of [{ id, shard }, ...items])
      if (one.id !== undefined && one.shard !== undefined) shards.set(one.id, one.shard);
  return shards;
}

/** Whether Redis may have done a call between two instants. */
export function mayBeBetween({ sentT, t, outcome }, fromT, toT, done) {
  return (outcome === done || outcome === UNKNOWN) && sentT <= toT && t >= fromT;
}

/** What may have moved the due time: verb -> the outcome that says so. */
const DUE_CHANGES = { reschedule: "rescheduled", runNow: "due", requeue: "requeued" };

export const isMove = (verb, outcome) =>
  verb in DUE_CHANGES && (outcome === DUE_CHANGES[verb] || outcome === UNKNOWN);

export function groupBy(list, keyOf) {
  const groups = new Map();
  for (const one of list) {
    const key = keyOf(one);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(one);
  }
  return groups;
}
