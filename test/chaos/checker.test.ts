import { expect, test } from "vitest";
import { check } from "./checker.js";

/*
 * The checker against histories written by hand: a sound one, and what each fault makes of it. Whether the harness also
 * makes such histories when the engine is wrong is what `npm run test:chaos -- --mutations` asks.
 */
const EPOCH_MS = 1_000_000;

type Event = Record<string, unknown>;

let calls = 0;

/** A call and its answer, `sentT` and `t` ms after the epoch; without an outcome its producer was killed before that. */
function call(verb: string, sentT: number, t: number, more: Event = {}): Event[] {
  const { outcome, answer = {}, ...facts } = more;
  const role = outcome === undefined ? "killed" : "p";
  const n = ++calls;
  const ask = { event: "ask", role, n, t: sentT, verb, id: "a", ...facts };
  return outcome === undefined
    ? [ask]
    : [ask, { event: "answer", role, n, t, outcome, ...(answer as Event) }];
}

const added = (more: Event = {}): Event[] => {
  const { dueAtMs = EPOCH_MS + 30, addedAtMs = EPOCH_MS + 10, id = "a", ...rest } = more;
  const facts = { id, key: "k", delayMs: 20, attempts: 20, outcome: "added" };
  return call("add", 8, 12, { ...facts, answer: { id, dueAtMs, addedAtMs }, ...rest });
};

/** A start and an end that is confirmed, `at` ms after the epoch. */
function ran(at: number, more: Event = {}): Event[] {
  const { outcome = "ok", role = "w", fence = at * 1000, ...rest } = more;
  const same = { id: "a", role, fence, ...rest };
  const start = {
    event: "start",
    t: at + 1,
    shard: 0,
    attempt: 1,
    nowMs: EPOCH_MS + at,
    dueAtMs: EPOCH_MS + 30,
    key: "k",
  };
  const end = { event: "end", t: at + 5, outcome };
  const completed = { event: "completed", t: at + 6 };
  const all = outcome === "ok" ? [start, end, completed] : [start, end];
  return all.map((event) => ({ ...event, ...same }));
}

interface Shard {
  readonly places?: Record<string, string[]>;
  readonly tasks?: string[];
  readonly counters?: Record<string, number>;
}

function findingsOf(events: readonly Event[], shard: Shard = {}, more: object = {}): string[] {
  const { places = {}, tasks = [], counters = { added: 1, completed: 1 } } = shard;
  const none = { leases: [], more: [], errors: [], results: [] };
  const usual = { leased: [], dead: [], done: [] };
  const picture = {
    shard: 0,
    ...none,
    tasks,
    counters,
    places: new Map(Object.entries({ ...usual, ...places })),
  };
  const fault = { name: "f", kind: "network", victims: [], startT: 0, endT: 0, struck: 1 };
  const run = {
    killed: ["killed"],
    killedWorkers: 0,
    blinded: 0,
    concurrency: 10,
    samples: [],
    isDrained: true,
  };
  const { findings } = check({
    ...run,
    events,
    epochMs: EPOCH_MS,
    leaseMs: 1000,
    promised: "none lost",
    codes: [],
    faults: [fault],
    troubles: [],
    pictures: [picture],
    ...more,
  });
  return findings.map(({ kind }) => kind);
}

/** A failover at which the old master may have forgotten what it did between two instants, in its shards or in all. */
const failover = (fromT: number, toT: number, shards?: number[]) => ({
  name: "f",
  kind: "failover",
  victims: [],
  startT: fromT,
  endT: toT,
  struck: 1,
  fallback: { fromT, goneT: fromT, toT, shards },
});

const retried = { added: 1, completed: 1, failed: 1, retried: 1 };
const requeuedOnce = { added: 1, completed: 1, failed: 1, dead: 1, requeued: 1 };
const lostLease = (t: number, more: Event = {}): Event => ({
  event: "leaseLost",
  id: "a",
  role: "w",
  t,
  ...more,
});

test("finds nothing in a sound history", () => {
  expect(findingsOf([...added(), ...ran(31)])).toEqual([]);
});

test("finds a task that is nowhere, unless its add may have been lost with its master and losses are only counted", () => {
  expect(findingsOf(added())).toContain("lost");
  const events = added();
  const nowhere = { counters: {} };
  const of = (promised: string, fromT: number) =>
    findingsOf(events, nowhere, { promised, faults: [failover(fromT, 1000)] });
  expect(of("counted", 0)).toEqual([]);
  expect(of("counted", 13)).toContain("lost");
  expect(of("none lost", 0)).toContain("lost");
});

test("lets a settle be lost with its master, and the task run again", () => {
  const events = [...added(), ...ran(31), ...ran(131)];
  const faults = [failover(34, 100)];
  expect(findingsOf(events, {}, { faults })).toEqual([]);
  expect(findingsOf(events, {}, { faults: [failover(38, 100)] })).toContain("unexplained second run");
});

test("lets only the shards of the master that failed forget", () => {
  const twice = [...added(), ...ran(31), ...ran(131)];
  const ofTwice = (shards: number[]) => findingsOf(twice, {}, { faults: [failover(34, 100, shards)] });
  expect(ofTwice([0, 3])).toEqual([]);
  expect(ofTwice([1, 3])).toContain("unexplained second run");
  const answer = { id: "a", shard: 0, dueAtMs: EPOCH_MS + 30, addedAtMs: EPOCH_MS + 10 };
  const nowhere = added({ answer });
  const ofNowhere = (shards: number[]) =>
    findingsOf(nowhere, { counters: {} }, { promised: "counted", faults: [failover(0, 1000, shards)] });
  expect(ofNowhere([0])).toEqual([]);
  expect(ofNowhere([1])).toContain("lost");
});

test("knows a run after a lost settle from that of a life that an add made meanwhile", () => {
  const again = { dueAtMs: EPOCH_MS + 210, addedAtMs: EPOCH_MS + 190 };
  const second = call("add", 100, 200, {
    key: "k",
    delayMs: 20,
    outcome: "added",
    answer: { id: "a", ...again },
  });
  const events = [...added(), ...ran(31), ...second, ...ran(131), ...ran(215, { dueAtMs: again.dueAtMs })];
  const faults = [failover(34, 90)];
  const inOrder = events.toSorted((a, b) => Number(a["t"]) - Number(b["t"]));
  expect(findingsOf(inOrder, { counters: { added: 2, completed: 2 } }, { faults })).toEqual([]);
});

test("knows the life of an add that two masters made from that of the next add", () => {
  const answer = { id: "a", dueAtMs: EPOCH_MS + 170, addedAtMs: EPOCH_MS + 150 };
  const first = call("add", 8, 200, { key: "k", delayMs: 20, outcome: "added", answer });
  const again = added({ key: "l", dueAtMs: EPOCH_MS + 232, addedAtMs: EPOCH_MS + 212 });
  const second = again.map((event) => ({ ...event, t: Number(event["t"]) + 202 }));
  const due = { key: "l", dueAtMs: EPOCH_MS + 232 };
  const lives = [...ran(31), ...ran(172, { dueAtMs: EPOCH_MS + 170 }), ...ran(235, due)];
  const of = (more: Event[]) =>
    findingsOf(
      [...first, ...second, ...lives, ...more],
      { counters: { added: 2, completed: 2 } },
      { faults: [failover(25, 100)] },
    );
  expect(of([])).toEqual([]);
  expect(of(ran(300, due))).toContain("unexplained second run");
});

test("takes a call that was under way when its master went as done by that one, whatever the next one says", () => {
  const lateOrEarly = (events: Event[]) =>
    [50, 300].map((goneT) => {
      const fault = { ...failover(25, 100), fallback: { fromT: 25, goneT, toT: 100 } };
      return findingsOf(events, {}, { faults: [fault] });
    });
  const existed = call("add", 8, 205, { key: "k", delayMs: 20, outcome: "existed", answer: { id: "a" } });
  const answer = { id: "a", dueAtMs: EPOCH_MS + 180, addedAtMs: EPOCH_MS + 160 };
  const other = call("add", 60, 200, { key: "l", delayMs: 20, outcome: "added", answer });
  const runs = [...ran(31), ...ran(182, { key: "l", dueAtMs: EPOCH_MS + 180 })];
  expect(lateOrEarly([...existed, ...other, ...runs])).toEqual([[], ["other payload"]]);
  const updated = call("update", 20, 205, { key: "new", outcome: "leased" });
  expect(lateOrEarly([...added(), ...updated, ...ran(31, { key: "new" }), ...ran(150)])).toEqual([
    [],
    ["other payload"],
  ]);
});

test("takes what a master's clock made it forget to have answered as done by the one before", () => {
  const failing = (forgetsAnswers: boolean) => {
    const { fallback, ...fault } = failover(25, 100);
    return { ...fault, fallback: { ...fallback, forgetsAnswers } };
  };
  const of = (events: Event[], counters: Record<string, number>, forgetsAnswers: boolean) =>
    findingsOf([...added(), ...events], { counters }, { faults: [failing(forgetsAnswers)] });
  const cancelled = call("cancel", 20, 60, { outcome: "missing" });
  expect(of(cancelled, { added: 1, cancelled: 1 }, true)).toEqual([]);
  expect(of(cancelled, { added: 1, cancelled: 1 }, false)).toContain("lost");
  const requeued = call("requeue", 40, 150, { outcome: "delayed" });
  const due = { dueAtMs: EPOCH_MS + 50 };
  const runs = [...ran(31, { outcome: "fatal" }), ...requeued, ...ran(70, due)];
  expect(of(runs, requeuedOnce, true)).toEqual([]);
  expect(of(runs, requeuedOnce, false)).toEqual(["counters and logs differ"]);
  expect(of(runs, { ...requeuedOnce, requeued: 2 }, true)).toEqual(["counters and logs differ"]);
  const answer = { id: "a", dueAtMs: EPOCH_MS + 170, addedAtMs: EPOCH_MS + 150 };
  const again = call("add", 8, 160, { key: "k", delayMs: 20, outcome: "added", answer });
  const twice = [...again, ...ran(131), ...ran(172, { dueAtMs: EPOCH_MS + 170 })];
  const ofTwice = (forgetsAnswers: boolean) =>
    findingsOf(twice, { counters: { added: 2, completed: 2 } }, { faults: [failing(forgetsAnswers)] });
  expect(ofTwice(true)).toEqual([]);
  expect(ofTwice(false)).toContain("unexplained second run");
});

test("finds the loss of a task whose add was told that it is there", () => {
  const unknown = call("add", 8, 12, { outcome: "unknown", code: "X", answer: { id: "a" } });
  const there = call("add", 13, 15, { outcome: "existed", answer: { id: "a" } });
  expect(findingsOf([...unknown, ...there], { counters: { added: 1 } })).toContain("lost");
});

test("finds an early start", () => {
  expect(findingsOf([...added(), ...ran(29)])).toContain("early");
});

test("counts what is early once a fault may have put the clock forward, and finds what was so before", () => {
  const early = [...added(), ...ran(29)];
  const of = (startT: number) =>
    findingsOf(early, {}, { faults: [{ ...failover(startT, 100), clock: "forward", fallback: [] }] });
  expect(of(20)).not.toContain("early");
  expect(of(90)).toContain("early");
});

test("excuses no early start of what was added after the clock was put forward, but for an instant", () => {
  const fault = { ...failover(1, 5), clock: "forward", fallback: [] };
  const of = (due: Event) => findingsOf([...added(due), ...ran(29)], {}, { faults: [fault] });
  expect(of({})).toContain("early");
  expect(of({ delayMs: undefined, atMs: EPOCH_MS + 30 })).not.toContain("early");
});

test("knows that a run-now leaves a task as it is which a clock that was put forward has made due", () => {
  const moved = call("reschedule", 13, 14, { atMs: EPOCH_MS + 7000, outcome: "rescheduled" });
  const now = call("runNow", 16, 17, { outcome: "due" });
  const events = [...added(), ...moved, ...now, ...ran(31, { dueAtMs: EPOCH_MS + 7000 })];
  const of = (clock: string | undefined) =>
    findingsOf(events, {}, { faults: [{ ...failover(1, 5), clock, fallback: [] }] });
  expect(of("forward")).toEqual([]);
  expect(of(undefined)).toEqual(["early", "due time"]);
});

test("lets what was due wait until a clock that was put back is right, and nothing that was added since", () => {
  const of = (startT: number, rightT: number) => {
    const fault = { ...failover(startT, startT + 3), clock: "back", rightT, fallback: [] };
    return findingsOf([...added(), ...ran(9000)], {}, { faults: [fault] });
  };
  expect(of(20, 8000)).toEqual([]);
  expect(of(20, 4000)).toEqual(["slow"]);
  expect(of(1, 8000)).toEqual(["slow"]);
});

test("measures a failover by the first task that was claimed since, in each of the shards of the master", () => {
  const other = ran(400, { id: "c" }).map((event) => ({ ...event, shard: 2 }));
  const events = [
    ...added(),
    ...ran(31),
    ...added({ id: "b" }),
    ...ran(300, { id: "b" }),
    ...added({ id: "c" }),
    ...other,
  ];
  const failed = { ...failover(32, 200), fallback: [] };
  const of = (shards: number[] | undefined, firstStartMs: number) =>
    findingsOf(
      events,
      { counters: { added: 3, completed: 3 } },
      { faults: [{ ...failed, shards }], limits: { firstStartMs } },
    );
  expect(of([0], 300)).not.toContain("slow");
  expect(of([0], 200)).toContain("slow");
  expect(of([0, 2], 300)).toContain("slow");
  expect(of(undefined, 400)).not.toContain("slow");
  expect(of([1], 300)).toContain("slow");
});

test("excuses what is late near a failover in the shards of the master only", () => {
  const events = [...added(), ...ran(3500)];
  const of = (shards: number[] | undefined) =>
    findingsOf(events, {}, { faults: [{ ...failover(20, 2000), shards, fallback: [] }] });
  for (const shards of [undefined, [0, 3]]) expect(of(shards)).toEqual([]);
  expect(of([1, 3])).toEqual(["slow"]);
});

test("finds a due time that was counted by a wrong clock", () => {
  const off = { addedAtMs: EPOCH_MS + 3_600_010, dueAtMs: EPOCH_MS + 3_600_030 };
  expect(findingsOf([...added(off), ...ran(31)])).toContain("due time");
});

test("finds a start before or without the due time that a reschedule gave", () => {
  const moved = call("reschedule", 13, 14, { delayMs: 500, outcome: "rescheduled" });
  const due = { dueAtMs: EPOCH_MS + 514 };
  expect(findingsOf([...added(), ...moved, ...ran(515, due)])).toEqual([]);
  expect(findingsOf([...added(), ...moved, ...ran(70)])).toEqual(["early", "due time"]);
  expect(findingsOf([...added(), ...moved, ...ran(915, { dueAtMs: EPOCH_MS + 914 })])).toEqual(["due time"]);
});

test("takes either due time where the outcome of a reschedule is unknown", () => {
  const moved = call("reschedule", 13, 14, { delayMs: 500 });
  expect(findingsOf([...added(), ...moved, ...ran(31)])).toEqual([]);
  expect(findingsOf([...added(), ...moved, ...ran(515, { dueAtMs: EPOCH_MS + 514 })])).toEqual([]);
});

test("finds a run-now after which the task was late", () => {
  const late = { delayMs: 9000, dueAtMs: EPOCH_MS + 9010 };
  const now = call("runNow", 13, 14, { outcome: "due" });
  const due = { dueAtMs: EPOCH_MS + 14 };
  expect(findingsOf([...added(late), ...now, ...ran(16, due)])).toEqual([]);
  expect(findingsOf([...added(late), ...now, ...ran(9011, due)])).toEqual(["slow"]);
});

test("finds a payload that an update had replaced, and one that none had written", () => {
  const updated = call("update", 13, 14, { key: "new", outcome: "updated" });
  expect(findingsOf([...added(), ...updated, ...ran(99, { key: "new" })])).toEqual([]);
  expect(findingsOf([...added(), ...updated, ...ran(99)])).toEqual(["other payload"]);
  expect(findingsOf([...added(), ...call("update", 13, 14, { key: "new" }), ...ran(99)])).toEqual([]);
  expect(findingsOf([...added(), ...ran(99, { key: "new" })])).toEqual(["other payload"]);
});

test("finds a start while the queue was paused", () => {
  const paused = [
    ...call("pause", 20, 25, { outcome: "done" }),
    ...call("resume", 90, 95, { outcome: "done" }),
  ];
  expect(findingsOf([...added(), ...paused, ...ran(96)])).toEqual([]);
  expect(findingsOf([...added(), ...paused, ...ran(60)])).toEqual(["started while paused"]);
});

test("holds a requeued task to all its attempts, and to run", () => {
  const dead = ran(31, { outcome: "fatal" });
  const requeued = call("requeue", 60, 62, { outcome: "requeued" });
  const due = { dueAtMs: EPOCH_MS + 61 };
  const shard = { counters: requeuedOnce };
  expect(findingsOf([...added(), ...dead, ...requeued, ...ran(70, due)], shard)).not.toContain("attempts");
  const kept = ran(70, { ...due, attempt: 2 });
  expect(findingsOf([...added(), ...dead, ...requeued, ...kept], shard)).toContain(
    "counters and logs differ",
  );
  const inVain = { places: { dead: ["a"] }, tasks: ["a"], counters: { ...requeuedOnce, completed: 0 } };
  expect(findingsOf([...added(), ...dead, ...requeued], inVain)).toContain("requeued and not run");
});

test("knows that a lease was over though its handler went on, and the task requeued meanwhile", () => {
  const failed = ran(31, { outcome: "failed" });
  const [start] = ran(150, { outcome: "failed", attempt: 2, dueAtMs: EPOCH_MS + 140 });
  const end = { event: "end", id: "a", role: "w", fence: 150_000, t: 2500, outcome: "failed" };
  const frozen = [start as Event, end, lostLease(2501, { fence: 150_000 })];
  const requeued = call("requeue", 1200, 1201, { outcome: "requeued" });
  const again = ran(1210, { dueAtMs: EPOCH_MS + 1201 });
  const all = [...added({ attempts: 2 }), ...failed, ...frozen, ...requeued, ...again];
  expect(findingsOf(all, { counters: { ...requeuedOnce, retried: 1, recovered: 0 } })).not.toContain(
    "attempts",
  );
});

test("knows a requeue after a lease that used the last attempt and was lost before its handler began", () => {
  const failed = ran(31, { outcome: "failed" });
  const requeued = call("requeue", 1200, 1201, { outcome: "requeued" });
  const again = ran(1210, { dueAtMs: EPOCH_MS + 1201 });
  const of = (lost: Event[]) =>
    findingsOf([...added({ attempts: 2 }), ...failed, ...lost, ...requeued, ...again], {
      counters: { ...requeuedOnce, retried: 1 },
    });
  expect(of([lostLease(1100, { fence: 150_000 })])).not.toContain("attempts");
  expect(of([])).toContain("attempts");
});

test("finds a task that waits though all should have come to rest", () => {
  const shard = { places: { "due:0": ["a"] }, tasks: ["a"], counters: { added: 1 } };
  expect(findingsOf(added(), shard, { isDrained: false })).toEqual(["stuck"]);
});

test("finds a fence that goes backwards, and one with two holders", () => {
  const twice = [...added(), ...added({ id: "b" })];
  const shard = { counters: { added: 2, completed: 2 } };
  const back = [...ran(31, { fence: 9 }), ...ran(40, { id: "b", fence: 8 })];
  expect(findingsOf([...twice, ...back], shard)).toEqual(["fence backwards"]);
  const shared = [...ran(31, { fence: 9 }), ...ran(31, { id: "b", fence: 9, role: "v" })];
  expect(findingsOf([...twice, ...shared], shard)).toEqual(["fence backwards"]);
});

test("counts a second run after a lost lease, and finds one that nothing explains", () => {
  expect(findingsOf([...added(), ...ran(31), ...ran(50)])).toContain("unexplained second run");
  const lost = [...ran(31, { outcome: "none" }), lostLease(40, { fence: 31_000 })];
  const shard = { counters: { added: 1, completed: 1, recovered: 1 } };
  expect(findingsOf([...added(), ...lost, ...ran(50, { attempt: 2 })], shard)).toEqual([]);
});

test("excuses no second run of what a worker had completed before it was killed", () => {
  const shard = { counters: { added: 1, completed: 1 } };
  const more = { killed: ["w"], killedWorkers: 1 };
  expect(findingsOf([...added(), ...ran(31), ...ran(50, { role: "v" })], shard, more)).toContain(
    "unexplained second run",
  );
});

test("finds a run after the last attempt", () => {
  const once = added({ attempts: 1 });
  expect(findingsOf([...once, ...ran(31, { outcome: "failed" }), ...ran(150, { attempt: 2 })])).toContain(
    "unexplained second run",
  );
});

test("finds a settle that counted after the task was claimed anew", () => {
  const late = ran(31).map((event) => (event["event"] === "start" ? event : { ...event, t: 90 }));
  expect(findingsOf([...added(), ...late, ...ran(50)])).toContain("settled under a lost lease");
});

test("finds an add that made a task that was alive", () => {
  const again = added({ addedAtMs: EPOCH_MS + 15 });
  expect(findingsOf([...added(), ...again, ...ran(31)])).toContain("twin");
});

test("finds an add that was told of a task that is over", () => {
  const again = call("add", 60, 62, { key: "l", delayMs: 20, outcome: "existed", answer: { id: "a" } });
  expect(findingsOf([...added(), ...ran(31), ...again])).toEqual(["existed though gone"]);
});

test("finds a release that used an attempt", () => {
  const counters = { added: 1, completed: 1, released: 1 };
  const released = ran(31, { outcome: "released" });
  expect(findingsOf([...added(), ...released, ...ran(50)], { counters })).toEqual([]);
  expect(findingsOf([...added(), ...released, ...ran(50, { attempt: 2 })], { counters })).toEqual([
    "counters and logs differ",
  ]);
});

test("finds a release that moved the due time, and a retry that was too soon", () => {
  const counters = { added: 1, completed: 1, released: 1 };
  const moved = ran(50, { dueAtMs: EPOCH_MS + 45 });
  expect(findingsOf([...added(), ...ran(31, { outcome: "released" }), ...moved], { counters })).toEqual([
    "due time",
  ]);
  const soon = ran(50, { dueAtMs: EPOCH_MS + 45, attempt: 2 });
  const failed = ran(31, { outcome: "failed" });
  expect(findingsOf([...added(), ...failed, ...soon], { counters: retried })).toEqual(["due time"]);
});

test("finds a failure that used no attempt", () => {
  const failed = ran(31, { outcome: "failed" });
  const due = { dueAtMs: EPOCH_MS + 137 };
  const shard = { counters: retried };
  expect(findingsOf([...added(), ...failed, ...ran(140, { ...due, attempt: 2 })], shard)).toEqual([]);
  expect(findingsOf([...added(), ...failed, ...ran(140, due)], shard)).toEqual(["attempts"]);
});

test("finds a lease that expired though nobody lost one", () => {
  const counters = { added: 1, completed: 1, recovered: 1 };
  expect(findingsOf([...added(), ...ran(31)], { counters })).toEqual(["counters and logs differ"]);
});

test("finds a start after a cancel that said yes", () => {
  const cancel = call("cancel", 19, 20, { outcome: "cancelled" });
  expect(findingsOf([...added(), ...cancel, ...ran(31)])).toContain("started after its cancel");
});

test("excuses a start after a cancel of the new master if the old one was frozen and the run never confirmed", () => {
  const cancel = call("cancel", 19, 20, { outcome: "cancelled" });
  const of = (run: Event[], fault: object) =>
    findingsOf([...added(), ...cancel, ...run], {}, { faults: [{ ...fault }] });
  const [start = {}, end = {}, completed = {}] = ran(31);
  const unconfirmed = [start, end, lostLease(37, { fence: start["fence"] })];
  const livesOn = true;
  expect(of(unconfirmed, { ...failover(15, 100), livesOn })).not.toContain("started after its cancel");
  expect(of(unconfirmed, { ...failover(15, 25), livesOn })).toContain("started after its cancel");
  expect(of([start, end, completed], { ...failover(15, 100), livesOn })).toContain(
    "started after its cancel",
  );
  expect(of(unconfirmed, { ...failover(21, 100), livesOn })).toContain("started after its cancel");
  expect(of(unconfirmed, failover(15, 100))).toContain("started after its cancel");
});

test("finds a task that ran though its add was refused, and an error that no fault explains", () => {
  expect(findingsOf(ran(31))).toContain("never added");
  const refused = call("add", 8, 12, { outcome: "refused", answer: { code: "E" } });
  expect(findingsOf(refused, { counters: {} })).toEqual(["refused"]);
  expect(findingsOf(refused, { counters: {} }, { codes: ["E"] })).toEqual([]);
});

test("takes what a killed producer was never told as done or not", () => {
  const asked = call("add", 8, 12, { id: undefined, key: "k", delayMs: 20, attempts: 20 });
  expect(findingsOf(asked, { counters: {} })).toEqual([]);
  expect(findingsOf([...asked, ...ran(31)])).toEqual([]);
});

test("finds an addBulk whose error does not name each id once", () => {
  const items = [
    { id: "a", key: "k", delayMs: 20 },
    { id: "b", key: "l", delayMs: 20 },
  ];
  const lists = (refused: string[]): Event[] => [
    { event: "ask", role: "p", n: 0, t: 8, verb: "addBulk", items },
    {
      event: "answer",
      role: "p",
      n: 0,
      t: 12,
      outcome: "incomplete",
      code: "E",
      added: ["a"],
      refused,
      unknown: [],
    },
  ];
  expect(findingsOf([...lists(["b"]), ...ran(31)], {}, { codes: ["E"] })).toEqual([]);
  expect(findingsOf([...lists([]), ...ran(31)], {}, { codes: ["E"] })).toEqual(["bulk lists"]);
});

test("takes a task of a repeated addBulk as there or as added again", () => {
  const bulk = (n: number, t: number, isFirst: boolean, lists: Event): Event[] => [
    { event: "ask", role: "p", n, t, verb: "addBulk", items: [{ id: "a", key: "k", delayMs: 20, isFirst }] },
    {
      event: "answer",
      role: "p",
      n,
      t: t + 4,
      outcome: "incomplete",
      code: "E",
      added: [],
      refused: [],
      unknown: [],
      ...lists,
    },
  ];
  const events = [
    ...bulk(-1, 8, true, { unknown: ["a"] }),
    ...ran(31),
    ...bulk(-2, 50, false, { added: ["a"] }),
  ];
  const of = (more: Event[], count: number): string[] =>
    findingsOf([...events, ...more], { counters: { added: count, completed: count } }, { codes: ["E"] });
  expect(of([], 1)).toEqual([]);
  expect(of(ran(81, { dueAtMs: EPOCH_MS + 72 }), 2)).toEqual([]);
});

test("finds a fault that struck nothing, and work that went on too late", () => {
  const fault = { name: "f", kind: "redis-away", victims: [], startT: 10, endT: 20, struck: 0 };
  const events = [...added(), ...ran(31)];
  expect(findingsOf(events, {}, { faults: [fault] })).toEqual(["fault did not strike"]);
  expect(findingsOf(events, {}, { faults: [] })).toEqual(["fault did not strike"]);
  const struck = { faults: [{ ...fault, struck: 1 }] };
  expect(findingsOf(events, {}, { ...struck, limits: { firstStartMs: 20 } })).toEqual([]);
  expect(findingsOf(events, {}, { ...struck, limits: { firstStartMs: 5 } })).toEqual(["slow"]);
});

test("finds an id in two places, a record without one, and counters that do not add up", () => {
  const places = { "due:0": ["a"], "ready:0": ["a"] };
  expect(findingsOf(added(), { places, tasks: ["a"], counters: { added: 1 } })).toContain("twoPlaces");
  expect(findingsOf([...added(), ...ran(31)], { tasks: ["a"] })).toEqual(["noPlace"]);
  const purged = { counters: { added: 1, completed: 1, purged: 1 } };
  expect(findingsOf([...added(), ...ran(31)], purged)).toEqual(["counters"]);
});
