import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Ticker } from "../../src/scheduler/ticker.ts";
import type { Connection } from "../../src/store/connection.ts";
import type { ShardKeys } from "../../src/store/keys.ts";
import type { QueueStore } from "../../src/store/queue-store.ts";

/**
 * When a ticker looks, by what ticks answer and what is heard meanwhile. Redis' answers and messages come over connections of
 * their own, in any order: here each order is played, with clock and store made up.
 */
const TAKES_MS = 20;
const POLL_MS = 60_000;

type Reply = Record<string, unknown>;

const ticked = (more: Reply = {}): Reply => ({
  word: "TICKED",
  recovered: 0,
  buried: 0,
  recoveredIds: [],
  buriedIds: [],
  moved: 0,
  nextDueMs: -1,
  nextWakeMs: -1,
  generation: "1",
  woken: 0,
  fence: 100,
  ...more,
});

/** Plays replies in turn, the last of them for ever; messages are heard so long after the first tick was sent. */
async function ticksOf(
  replies: readonly Reply[],
  messages: readonly (readonly [number, string])[],
  { forMs = 900, word = (_tidies: boolean): string => "tick", tellsDue = false } = {},
) {
  const calls: string[] = [];
  let hear: (message: string) => void = () => {};
  let sent = 0;
  const subscriber = {
    listen: (_: string, listener: (message: string) => void) => (hear = listener),
    unlisten: () => {},
    canHear: () => true,
  };
  const store = {
    takeShard: async () => {
      calls.push(`take ${Math.round(performance.now() - startMs)}`);
      return await Promise.resolve({ word: "TAKEN", epoch: "1" });
    },
    tick: async (_keys: ShardKeys, _epoch: string, tidies: boolean) => {
      const reply = replies[Math.min(sent++, replies.length - 1)];
      calls.push(`${word(tidies)} ${Math.round(performance.now() - startMs)}`);
      await new Promise((resolve) => setTimeout(resolve, TAKES_MS));
      if (reply?.["word"] === "FAILS") throw new Error("no answer");
      return reply;
    },
    leaveShard: async () => await Promise.resolve(),
  };
  const keys = { due: ["due"], shard: 0 } as unknown as ShardKeys;
  const ticker = new Ticker({ subscriber } as unknown as Connection, store as unknown as QueueStore, keys, {
    scheduler: "s",
    slowPollMs: POLL_MS,
    onDue: () => {
      if (tellsDue) calls.push(`due ${Math.round(performance.now() - startMs)}`);
    },
    onStale: () => {},
    onMissing: async () => await Promise.resolve(),
    onTicked: () => {},
    onError: (error) => calls.push(String(error)),
  });
  const startMs = performance.now();
  ticker.start();
  for (const [atMs, message] of messages) setTimeout(() => hear(message), atMs);
  await vi.advanceTimersByTimeAsync(forMs);
  void ticker.stop();
  return calls.slice(1);
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  vi.spyOn(Math, "random").mockReturnValue(0); // no jitter: the first slow poll comes after a second
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test("a tick that woke workers looks again soon, and not once a later claim has left nothing behind", async () => {
  expect(await ticksOf([ticked({ woken: 1 }), ticked()], [])).toEqual(["tick 0", "tick 270"]);
  expect(await ticksOf([ticked({ woken: 1 }), ticked()], [[50, "15000 101"]])).toEqual(["tick 0"]);
});

test("a claim from before the tick does not say that what it found was claimed", async () => {
  expect(await ticksOf([ticked({ woken: 1 }), ticked()], [[50, "15000 100"]])).toEqual([
    "tick 0",
    "tick 270",
  ]);
});

test("a claim is heard that overtakes the answer of the tick before it", async () => {
  expect(await ticksOf([ticked({ woken: 1 }), ticked()], [[10, "15000 101"]])).toEqual(["tick 0"]);
});

test("a new head that is heard while a tick is under way is not forgotten when all was claimed", async () => {
  const messages = [
    [10, "500"],
    [60, "15000 101"],
  ] as const;
  expect(await ticksOf([ticked({ woken: 1 }), ticked()], messages)).toEqual(["tick 0", "tick 510"]);
});

test("a shard that another took is taken again in time, whatever is heard meanwhile", async () => {
  const replies = [ticked({ woken: 1 }), { word: "STALE", epoch: "9" }, ticked()];
  const calls = await ticksOf(replies, [[400, "15000 101"]]);
  expect(calls).toEqual(["tick 0", "tick 270", "take 790", "tick 790"]);
});

test("a tick that failed is tried again in time, whatever is heard meanwhile", async () => {
  const replies = [ticked({ woken: 1 }), { word: "FAILS" }, ticked()];
  const calls = await ticksOf(replies, [[320, "15000 101"]]);
  expect(calls).toEqual(["tick 0", "tick 270", "Error: no answer", "tick 390"]);
});

test("an add that wakes workers has the shard looked at again soon, unless all is claimed", async () => {
  const add = [100, "again"] as const;
  expect(await ticksOf([ticked()], [add])).toEqual(["tick 0", "tick 350"]);
  expect(await ticksOf([ticked()], [add, [150, "15000 101"]])).toEqual(["tick 0"]);
});

const tidying = { forMs: 13_000, word: (tidies: boolean) => (tidies ? "tidy" : "tick") };

test("ticks of a busy shard tidy now and then, and behind the last one that did not comes another in time", async () => {
  const soon = ticked({ nextWakeMs: 30 });
  const replies = [soon, soon, soon, soon, ticked({ nextWakeMs: 50_000 })];
  expect(await ticksOf(replies, [], tidying)).toEqual([
    "tidy 0",
    "tick 50",
    "tick 100",
    "tidy 150",
    "tick 200",
    "tidy 10270",
  ]);
});

test("a tick that comes when an earlier one said tidies, if it does not come at once", async () => {
  expect(await ticksOf([ticked({ nextWakeMs: 301 }), ticked()], [], { ...tidying, forMs: 900 })).toEqual([
    "tidy 0",
    "tidy 321",
  ]);
});

test("a tick that has to come again at once goes on tidying", async () => {
  const atOnce = ticked({ nextWakeMs: 0 });
  const replies = [atOnce, atOnce, ticked({ nextWakeMs: 50_000 })];
  expect(await ticksOf(replies, [], { ...tidying, forMs: 900 })).toEqual(["tidy 0", "tidy 21", "tidy 42"]);
});

test("says before a tick that a task is due, by what a tick or a message said, and not when it looks for anything else", async () => {
  const due = { tellsDue: true };
  const dueSoon = ticked({ nextDueMs: 30, nextWakeMs: 30 });
  expect(await ticksOf([dueSoon, ticked()], [], due)).toEqual(["tick 0", "due 50", "tick 50"]);
  expect(await ticksOf([ticked()], [[100, "40"]], due)).toEqual(["tick 0", "due 140", "tick 140"]);
  const forgetsSoon = ticked({ nextDueMs: 60, nextWakeMs: 30 });
  expect(await ticksOf([forgetsSoon, ticked()], [], due)).toEqual(["tick 0", "tick 50"]);
  expect(await ticksOf([ticked()], [[100, "40 101"]], due)).toEqual(["tick 0", "tick 140"]);
  expect(await ticksOf([ticked({ woken: 1 }), ticked()], [], due)).toEqual(["tick 0", "tick 270"]);
  expect(await ticksOf([ticked()], [], { ...due, forMs: 1500 })).toEqual(["tick 0", "tick 1020"]);
});

test("the end of a lease that is heard while a tick is under way is not forgotten", async () => {
  expect(await ticksOf([ticked()], [[10, "500 0"]])).toEqual(["tick 0", "tick 510"]);
});
