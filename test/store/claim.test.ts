import { describe, expect, test } from "vitest";
import * as scripts from "../../src/store/scripts.ts";
import {
  GONE,
  microseconds,
  NOW,
  openKeyspace,
  type Keyspace,
  type KeyspaceOptions,
} from "../support/keyspace.ts";

const FENCE = microseconds(NOW);
const setup = async (options?: KeyspaceOptions): Promise<Keyspace> => await openKeyspace(options);

/** The ids of a claim, in the order in which the worker gets them. */
async function idsOf(reply: ReturnType<Keyspace["claim"]>): Promise<string[]> {
  const claim = await reply;
  return claim.word === "CLAIMED" ? claim.claimed.map(({ id }) => id) : [claim.word];
}

const claimNumber = async (keyspace: Keyspace, number: number, count = 1) =>
  await keyspace.run(scripts.claim, { worker: "w1", number, leaseMs: 1000, count });

const seedsOf = (count: number, prefix = "t") =>
  Array.from({ length: count }, (_, i) => ({ id: `${prefix}${String(i).padStart(4, "0")}` }));

/** More tasks than one `add` takes. */
async function addMany(keyspace: Keyspace, count: number): Promise<void> {
  const seeds = seedsOf(count);
  for (let at = 0; at < count; at += 200) await keyspace.add(...seeds.slice(at, at + 200));
}

describe("claim", () => {
  test("takes due tasks into leases of the worker, under one fence", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", payload: '"A"' }, { id: "b", delay: 1 });
    const { reply, changes } = await keyspace.watch(async () => keyspace.claim(1));
    expect(reply).toMatchObject({ word: "CLAIMED", nowMs: NOW, fence: FENCE, isMore: false });
    expect(changes).toEqual({
      "due:0": { a: GONE },
      leased: { a: NOW + 1000 },
      leases: { a: `${FENCE} ${NOW} w1` },
      seq: { fence: FENCE, looksAt: `${NOW + 1000}` },
      calls: { w1: NOW },
      answers: { w1: [1, FENCE] },
    });
  });

  test("hands over the record and the facts that changed", async () => {
    const keyspace = await setup();
    const fence = await keyspace.lease({ id: "a" }, { id: "b", payload: "7" });
    await keyspace.settle("retry", "a", fence, 0, "{}", "release", "b", fence, 0, "");
    const reply = await keyspace.claim();
    if (reply.word !== "CLAIMED") throw new Error(reply.word);
    expect(reply.claimed.map(({ id, more }) => [id, more])).toEqual([
      ["a", `1:0:${NOW}`],
      ["b", ""],
    ]);
    expect(reply.claimed[1]?.record.toString()).toMatch(/mail7$/);
  });

  test("takes nothing before its due time, and at it", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", delay: 10 });
    keyspace.advance(9);
    expect(await keyspace.claim()).toEqual({ word: "EMPTY" });
    keyspace.advance(1);
    expect(await idsOf(keyspace.claim())).toEqual(["a"]);
  });

  test("takes higher levels first, and within a level what was due first", async () => {
    const keyspace = await setup();
    await keyspace.add(
      { id: "low", at: NOW - 9 },
      { id: "late", at: NOW - 1, priority: 5 },
      { id: "early", at: NOW - 2, priority: 5 },
      { id: "top", priority: 9 },
    );
    expect(await idsOf(keyspace.claim(3))).toEqual(["top", "early", "late"]);
    expect(await idsOf(keyspace.claim(3))).toEqual(["low"]);
  });

  test("takes an urgent task before a runway of the level below", async () => {
    const keyspace = await setup();
    await keyspace.add(...seedsOf(5));
    await keyspace.tick(await keyspace.takeShard());
    await keyspace.add({ id: "urgent", priority: 9 });
    expect(await idsOf(keyspace.claim(2))).toEqual(["urgent", "t0000"]);
  });

  test("notes a worker as waiting when it leaves slots free", async () => {
    const keyspace = await setup();
    const { reply, changes } = await keyspace.watch(async () => keyspace.claim());
    expect(reply).toEqual({ word: "EMPTY" });
    expect(changes).toEqual({
      waiting: { w1: NOW },
      calls: { w1: NOW },
      answers: { w1: [1, "0"] },
    });
    await keyspace.add({ id: "a" });
    const partly = await keyspace.watch(async () => keyspace.claim(2, "w2"));
    expect(partly.changes["waiting"]).toEqual({ w2: NOW });
  });

  test("says whether due tasks were left behind", async () => {
    const keyspace = await setup();
    await keyspace.add(...seedsOf(3));
    expect(await keyspace.claim(2)).toMatchObject({ isMore: true });
    expect(await keyspace.claim(1)).toMatchObject({ isMore: false });
  });

  test("takes nothing of a paused queue, and notes the worker as waiting", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a" });
    await keyspace.pause();
    const { reply, changes } = await keyspace.watch(async () => keyspace.claim());
    expect(reply).toEqual({ word: "PAUSED" });
    expect(changes).toEqual({
      waiting: { w1: NOW },
      calls: { w1: NOW },
      answers: { w1: [1, "0"] },
    });
    await keyspace.pause(false);
    expect(await idsOf(keyspace.claim())).toEqual(["a"]);
  });

  test("of a queue that is not there leaves nothing behind", async () => {
    const keyspace = await setup({ isRegistered: false });
    expect(await keyspace.claim()).toEqual({ word: "NO_QUEUE" });
    expect(await keyspace.snapshot()).toEqual({});
  });

  test("with no slots takes nothing", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a" });
    const { reply, changes } = await keyspace.watch(async () => keyspace.claim(0));
    expect(reply).toEqual({ word: "EMPTY" });
    expect(changes).toEqual({ calls: { w1: NOW }, answers: { w1: [1, "0"] } });
  });
});

describe("a claim that is sent again", () => {
  test("answers with the batch that it took, and changes nothing", async () => {
    const keyspace = await setup();
    await keyspace.add(...seedsOf(4));
    const first = await claimNumber(keyspace, 1, 2);
    keyspace.advance(30);
    const { reply, changes } = await keyspace.watch(async () => claimNumber(keyspace, 1, 2));
    expect(reply).toEqual(first);
    expect(changes).toEqual({});
  });

  test("leaves out what is not leased to it any more", async () => {
    const keyspace = await setup();
    await keyspace.add(...seedsOf(3));
    const first = await claimNumber(keyspace, 1, 3);
    if (first.word !== "CLAIMED") throw new Error(first.word);
    await keyspace.run(scripts.cancel, {}, ["t0000", 1]);
    await keyspace.settle("release", "t0002", first.fence, 0, "");
    await claimNumber(keyspace, 1);
    await keyspace.claim(1, "w2");
    expect(await idsOf(claimNumber(keyspace, 1, 3))).toEqual(["t0001"]);
  });

  test("takes anew when nothing tells any more when it was made", async () => {
    const keyspace = await setup();
    await keyspace.add(...seedsOf(2));
    await claimNumber(keyspace, 1, 1);
    await keyspace.redis.del(keyspace.keys.calls);
    expect(await idsOf(claimNumber(keyspace, 1, 1))).toEqual(["t0001"]);
  });

  test("took nothing the first time: takes nothing again, whatever is due by now", async () => {
    const keyspace = await setup();
    await claimNumber(keyspace, 1);
    await keyspace.add({ id: "a" });
    const { reply, changes } = await keyspace.watch(async () => claimNumber(keyspace, 1));
    expect(reply).toMatchObject({ claimed: [] });
    expect(changes).toEqual({});
  });

  test("with an older number is refused and takes nothing", async () => {
    const keyspace = await setup();
    await keyspace.add(...seedsOf(4));
    await claimNumber(keyspace, 7);
    const { reply, changes } = await keyspace.watch(async () => claimNumber(keyspace, 6));
    expect(reply).toEqual({ word: "STALE" });
    expect(changes).toEqual({});
  });

  test("by another worker is another claim", async () => {
    const keyspace = await setup();
    await keyspace.add(...seedsOf(4));
    expect(await idsOf(keyspace.claim(1, "w1"))).toEqual(["t0000"]);
    expect(await idsOf(keyspace.claim(1, "w2"))).toEqual(["t0001"]);
  });
});

describe("the fence", () => {
  test("grows with every claim, by one at least", async () => {
    const keyspace = await setup();
    await keyspace.add(...seedsOf(3));
    expect(await keyspace.claim(1)).toMatchObject({ fence: FENCE });
    expect(await keyspace.claim(1)).toMatchObject({ fence: String(NOW * 1000 + 1) });
    keyspace.advance(5);
    expect(await keyspace.claim(1)).toMatchObject({ fence: microseconds(NOW + 5) });
  });

  test("grows although the clock goes back", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", at: 0 }, { id: "b", at: 0 });
    await keyspace.claim(1);
    keyspace.advance(-60_000);
    expect(await keyspace.claim(1)).toMatchObject({ fence: String(NOW * 1000 + 1) });
  });

  test("grows although a failover lost the last one", async () => {
    const keyspace = await setup();
    await keyspace.add(...seedsOf(2));
    await keyspace.claim(1);
    await keyspace.redis.del(keyspace.keys.seq);
    keyspace.advance(1);
    expect(await keyspace.claim(1)).toMatchObject({ fence: microseconds(NOW + 1) });
  });

  test("is not spent by a claim that takes nothing", async () => {
    const keyspace = await setup();
    await keyspace.claim();
    expect(await keyspace.snapshot()).not.toHaveProperty("seq");
  });
});

describe("a runway that is dry", () => {
  test("lets the claim take from the due set, which keeps the rest", async () => {
    const keyspace = await setup();
    await addMany(keyspace, 700);
    const reply = await keyspace.claim(10);
    expect(reply).toMatchObject({ word: "CLAIMED", isMore: true });
    expect(await keyspace.store.runway(keyspace.keys, 0)).toEqual([]);
    expect(await keyspace.run(scripts.counts)).toMatchObject({ ready: 690, leased: 10 });
  });

  test("gives what it has first", async () => {
    const keyspace = await setup();
    await addMany(keyspace, 700);
    await keyspace.tick(await keyspace.takeShard());
    expect(await keyspace.store.runway(keyspace.keys, 0)).toHaveLength(500);
    const reply = await keyspace.claim(600);
    if (reply.word !== "CLAIMED") throw new Error(reply.word);
    expect(reply.claimed.map(({ id }) => id)).toEqual(seedsOf(600).map(({ id }) => id));
  });

  test("is no bound for a claim", async () => {
    const keyspace = await setup();
    await addMany(keyspace, 1100);
    const reply = await keyspace.claim(1000);
    if (reply.word !== "CLAIMED") throw new Error(reply.word);
    expect(reply.claimed.map(({ id }) => id)).toEqual(seedsOf(1000).map(({ id }) => id));
    expect(await keyspace.run(scripts.counts)).toMatchObject({ ready: 100, leased: 1000 });
  });

  test("is taken level by level in one claim", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", priority: 2 }, { id: "b", priority: 1 }, { id: "c" });
    expect(await idsOf(keyspace.claim(3))).toEqual(["a", "b", "c"]);
  });
});

describe("the bound of 384 KiB", () => {
  const large = (bytes: number): string => JSON.stringify("x".repeat(bytes));

  test("ends a claim before the task that would pass it, which keeps its turn", async () => {
    const keyspace = await setup();
    for (const id of ["a", "b", "c", "d"]) await keyspace.add({ id, payload: large(150_000) });
    const { reply, changes } = await keyspace.watch(async () => keyspace.claim(10));
    expect(reply).toMatchObject({ word: "CLAIMED", isMore: true });
    expect(changes["leased"]).toEqual({ a: NOW + 1000, b: NOW + 1000 });
    expect(changes["ready:0"]).toEqual(["c"]);
    expect(changes["waiting"]).toBeUndefined();
    expect(await idsOf(keyspace.claim(10))).toEqual(["c", "d"]);
  });

  test("is passed by one task that is larger by itself", async () => {
    const keyspace = await setup();
    for (const id of ["a", "b"]) await keyspace.add({ id, payload: large(1_200_000) });
    expect(await idsOf(keyspace.claim(10))).toEqual(["a"]);
    expect(await idsOf(keyspace.claim(10))).toEqual(["b"]);
  });

  test("does not hand a lower level's task over before the one that did not fit", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", priority: 1, payload: large(300_000) });
    await keyspace.add({ id: "b", priority: 1, payload: large(300_000) }, { id: "small" });
    expect(await idsOf(keyspace.claim(10))).toEqual(["a"]);
    expect(await idsOf(keyspace.claim(10))).toEqual(["b", "small"]);
  });
});
