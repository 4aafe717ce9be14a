import { expect, test } from "vitest";
import { check } from "./checker.js";

/*
 * The checker against histories written by hand: a sound one, and what each fault makes of it. Whether the harness also
 * makes such histories when the engine is wrong is what `npm run test:chaos -- --mutations` asks.
 */
const EPOCH_MS = 1_000_000;

type Event = Record<string, unknown>;

const added = (more: Event = {}): Event => ({
  event: "added",
  role: "p",
  id: "a",
  key: "k",
  t: 12,
  sentT: 8,
  existed: false,
  addedAtMs: EPOCH_MS + 10,
  delayMs: 20,
  dueAtMs: EPOCH_MS + 30,
  ...more,
});

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
  const run = { events, killed: [], blinded: 0, concurrency: 10, samples: [], isDrained: true };
  const { findings } = check({
    ...run,
    epochMs: EPOCH_MS,
    faults: [],
    troubles: [],
    pictures: [picture],
    ...more,
  });
  return findings.map(({ kind }) => kind);
}

test("finds nothing in a sound history", () => {
  expect(findingsOf([added(), ...ran(31)])).toEqual([]);
});

test("finds a task that is nowhere", () => {
  expect(findingsOf([added()], { counters: { added: 1, completed: 1 } })).toContain("lost");
});

test("finds an early start", () => {
  expect(findingsOf([added(), ...ran(29)])).toContain("early");
});

test("finds a due time that was counted by a wrong clock", () => {
  const off = { addedAtMs: EPOCH_MS + 3_600_010, dueAtMs: EPOCH_MS + 3_600_030 };
  expect(findingsOf([added(off), ...ran(31)])).toContain("early");
});

test("finds a task that waits though all should have come to rest", () => {
  const shard = { places: { "due:0": ["a"] }, tasks: ["a"], counters: { added: 1 } };
  expect(findingsOf([added()], shard, { isDrained: false })).toEqual(["stuck"]);
});

test("finds a fence that goes backwards, and one with two holders", () => {
  const twice = [added(), added({ id: "b" })];
  const shard = { counters: { added: 2, completed: 2 } };
  const back = [...ran(31, { fence: 9 }), ...ran(40, { id: "b", fence: 8 })];
  expect(findingsOf([...twice, ...back], shard)).toEqual(["fence backwards"]);
  const shared = [...ran(31, { fence: 9 }), ...ran(31, { id: "b", fence: 9, role: "v" })];
  expect(findingsOf([...twice, ...shared], shard)).toEqual(["fence backwards"]);
});

test("counts a second run after a lost lease, and finds one that nothing explains", () => {
  expect(findingsOf([added(), ...ran(31), ...ran(50)])).toContain("unexplained second run");
  const lost = [
    ...ran(31, { outcome: "none" }),
    { event: "leaseLost", id: "a", role: "w", fence: 31_000, t: 40 },
  ];
  const shard = { counters: { added: 1, completed: 1, recovered: 1 } };
  expect(findingsOf([added(), ...lost, ...ran(50, { attempt: 2 })], shard)).toEqual([]);
});

test("finds a settle that counted after the task was claimed anew", () => {
  const late = ran(31).map((event) => (event["event"] === "start" ? event : { ...event, t: 90 }));
  expect(findingsOf([added(), ...late, ...ran(50)])).toContain("settled under a lost lease");
});

test("finds an add that made a task that was alive", () => {
  const again = added({
    addedAtMs: EPOCH_MS + 15,
    sentT: 13,
    t: 16,
    delayMs: undefined,
    atMs: EPOCH_MS + 30,
  });
  expect(findingsOf([added(), again, ...ran(31)])).toContain("twin");
});

test("finds a release that used an attempt", () => {
  const counters = { added: 1, completed: 1, released: 1 };
  const released = ran(31, { outcome: "released" });
  expect(findingsOf([added(), ...released, ...ran(50)], { counters })).toEqual([]);
  expect(findingsOf([added(), ...released, ...ran(50, { attempt: 2 })], { counters })).toEqual([
    "counters and logs differ",
  ]);
});

test("finds a release that moved the due time", () => {
  const counters = { added: 1, completed: 1, released: 1 };
  const moved = ran(50, { dueAtMs: EPOCH_MS + 45 });
  expect(findingsOf([added(), ...ran(31, { outcome: "released" }), ...moved], { counters })).toEqual([
    "due time moved",
  ]);
});

test("finds a failure that used no attempt", () => {
  const counters = { added: 1, completed: 1, failed: 1, retried: 1 };
  const failed = ran(31, { outcome: "failed" });
  expect(findingsOf([added(), ...failed, ...ran(50, { attempt: 2 })], { counters })).toEqual([]);
  expect(findingsOf([added(), ...failed, ...ran(50)], { counters })).toEqual(["attempts"]);
});

test("finds a lease that expired though nobody lost one", () => {
  const counters = { added: 1, completed: 1, recovered: 1 };
  expect(findingsOf([added(), ...ran(31)], { counters })).toEqual(["counters and logs differ"]);
});

test("finds a start after a cancel that said yes", () => {
  const cancel = { event: "cancel", role: "p", id: "a", outcome: "cancelled", t: 20 };
  expect(findingsOf([added(), cancel, ...ran(31)])).toContain("started after its cancel");
});

test("finds a task that ran though its add was refused", () => {
  expect(findingsOf(ran(31))).toContain("never added");
});

test("finds an id in two places, a record without one, and counters that do not add up", () => {
  const places = { "due:0": ["a"], "ready:0": ["a"] };
  expect(findingsOf([added()], { places, tasks: ["a"], counters: { added: 1 } })).toContain("twoPlaces");
  expect(findingsOf([added(), ...ran(31)], { tasks: ["a"] })).toEqual(["noPlace"]);
  expect(findingsOf([added(), ...ran(31)], { counters: { added: 1, completed: 1, purged: 1 } })).toEqual([
    "counters",
  ]);
});
