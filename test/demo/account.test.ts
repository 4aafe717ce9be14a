import { expect, test } from "vitest";

interface Entry {
  readonly event: "started" | "sent" | "failed";
  readonly id: string;
  readonly pid: number;
  readonly attempt?: number;
  readonly atMs?: number;
  readonly startedAtMs?: number;
  readonly dueAtMs?: number;
}

interface Account {
  readonly faults: readonly string[];
  readonly ranTwice: number;
}

const { account } = (await import(new URL("../../examples/demo/account.js", import.meta.url).href)) as {
  readonly account: (facts: object) => Account;
};

const DUE_MS = 1000;
const KILLED = 1;
const OTHER = 2;

const started = (pid: number, attempt = 1, startedAtMs = DUE_MS): Entry => {
  return { event: "started", id: "a", pid, attempt, startedAtMs, dueAtMs: DUE_MS, atMs: startedAtMs };
};
const sent = (pid: number): Entry => ({ event: "sent", id: "a", pid });
const failed = (pid: number): Entry => ({ event: "failed", id: "a", pid });

/** The account of one reminder. */
function accountOf(entries: readonly Entry[], counters: Readonly<Record<string, number>> = {}): Account {
  return account({
    reminders: [{ name: "remind", data: {}, opts: { id: "a", at: DUE_MS } }],
    entries,
    counters: { added: 1, completed: 1, ...counters },
    killedPid: KILLED,
  });
}

test("finds nothing wrong where a reminder ran once, or again after it failed", () => {
  expect(accountOf([started(OTHER), sent(OTHER)]).faults).toEqual([]);
  expect(accountOf([started(OTHER), failed(OTHER), started(OTHER, 2), sent(OTHER)]).faults).toEqual([]);
});

test("accepts that the killed worker's reminder ran twice", () => {
  const { faults, ranTwice } = accountOf([started(KILLED), started(OTHER, 2), sent(OTHER)], { recovered: 1 });
  expect(faults).toEqual([]);
  expect(ranTwice).toBe(1);
});

test.each([
  ["never ran", []],
  ["was never sent", [started(OTHER), failed(OTHER)]],
  ["was started before its time", [started(OTHER, 1, DUE_MS - 1), sent(OTHER)]],
  ["ran 2 times, of which 0 failed", [started(OTHER), sent(OTHER), started(OTHER), sent(OTHER)]],
  ["ran 3 times, of which 0 failed", [started(KILLED), started(OTHER), started(OTHER), sent(OTHER)]],
] as const)("finds a reminder that %s", (fault, entries) => {
  expect(accountOf(entries, { recovered: 2 }).faults).toEqual([`a ${fault}`]);
});

test("finds what Redis counted otherwise than it was given", () => {
  const entries = [started(OTHER), sent(OTHER)];
  expect(accountOf(entries, { added: 2 }).faults).toEqual(["1 were given, 2 added", "1 of 2 completed"]);
  expect(accountOf(entries, { completed: 0 }).faults).toEqual(["0 of 1 completed"]);
});
