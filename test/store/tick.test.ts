import { describe, expect, test } from "vitest";
import * as scripts from "../../src/store/scripts.ts";
import { ERROR, GONE, NOW, openKeyspace, type Keyspace, type KeyspaceOptions } from "../support/keyspace.ts";

/** A queue whose shard has an owner. */
async function setup(options?: KeyspaceOptions): Promise<{ keyspace: Keyspace; epoch: string }> {
  const keyspace = await openKeyspace(options);
  return { keyspace, epoch: await keyspace.takeShard() };
}

const idle = {
  word: "TICKED",
  recovered: 0,
  buried: 0,
  recoveredIds: [],
  buriedIds: [],
  moved: 0,
  nextDueMs: -1,
  nextWakeMs: -1,
  woken: 0,
  fence: 0,
};

async function addMany(keyspace: Keyspace, count: number): Promise<void> {
  const seeds = Array.from({ length: count }, (_, i) => ({ id: `t${String(i).padStart(4, "0")}` }));
  for (let at = 0; at < count; at += 200) await keyspace.add(...seeds.slice(at, at + 200));
}

const lapsed = (deaths: number, attempts: number): string =>
  JSON.stringify({
    name: "LeaseExpired",
    message: `lease expired ${deaths} times, ${attempts} attempts used`,
  });

describe("tick", () => {
  test("changes nothing while nothing is pending, and has no time to come back", async () => {
    const { keyspace, epoch } = await setup();
    const { reply, changes } = await keyspace.watch(async () => keyspace.tick(epoch));
    expect(reply).toEqual({ ...idle, generation: `${NOW}000` });
    expect(changes).toEqual({});
  });

  test("moves due ids onto the runway of their level, in order, and says when the next is due", async () => {
    const { keyspace, epoch } = await setup();
    await keyspace.add(
      { id: "b", at: NOW - 1 },
      { id: "a", at: NOW - 2 },
      { id: "later", delay: 40 },
      { id: "soon", delay: 30, priority: 1 },
      { id: "urgent", priority: 9 },
    );
    const { reply, changes } = await keyspace.watch(async () => keyspace.tick(epoch));
    expect(reply).toMatchObject({ moved: 3, nextDueMs: 30, nextWakeMs: 30 });
    expect(changes).toEqual({
      "due:0": { a: GONE, b: GONE },
      "due:9": { urgent: GONE },
      "ready:0": ["a", "b"],
      "ready:9": ["urgent"],
    });
  });

  test("comes back when a task is due, by the Redis clock down to the microsecond", async () => {
    const { keyspace, epoch } = await setup();
    await keyspace.add({ id: "a", delay: 1 });
    expect(await keyspace.tick(epoch)).toMatchObject({ nextWakeMs: 1 });
    keyspace.advance(1);
    expect(await keyspace.tick(epoch)).toMatchObject({ moved: 1, nextWakeMs: -1 });
  });

  test("sent again, changes nothing more", async () => {
    const { keyspace, epoch } = await setup();
    await keyspace.lease({ id: "expired", overrides: { attempts: 9 } });
    keyspace.advance(1000);
    await keyspace.add({ id: "a" });
    await keyspace.tick(epoch);
    const { changes } = await keyspace.watch(async () => keyspace.tick(epoch));
    expect(changes).toEqual({});
  });

  test("under an epoch that is not the last is refused and changes nothing", async () => {
    const { keyspace, epoch } = await setup();
    await keyspace.lease({ id: "a" });
    await keyspace.add({ id: "b" });
    const newer = await keyspace.takeShard("s2");
    keyspace.advance(1000);
    const { reply, changes } = await keyspace.watch(async () => keyspace.tick(epoch));
    expect(reply).toEqual({ word: "STALE", epoch: newer });
    expect(changes).toEqual({});
  });

  test("of a shard that was never owned is refused", async () => {
    const keyspace = await openKeyspace();
    expect(await keyspace.tick("1")).toEqual({ word: "STALE", epoch: "0" });
  });

  test("of a queue that is not there leaves nothing behind", async () => {
    const keyspace = await openKeyspace({ isRegistered: false });
    expect(await keyspace.tick("1")).toEqual({ word: "NO_QUEUE" });
    expect(await keyspace.snapshot()).toEqual({});
  });

  test("tells the generation of the shard's copy of meta", async () => {
    const { keyspace, epoch } = await setup();
    keyspace.advance(5);
    await keyspace.pause();
    expect(await keyspace.tick(epoch)).toMatchObject({ generation: `${NOW + 5}000` });
  });
});

describe("the runway", () => {
  test("takes 500 ids of a level in one tick, and 2000 at most", async () => {
    const { keyspace, epoch } = await setup();
    await addMany(keyspace, 2300);
    const moved: number[] = [];
    for (let i = 0; i < 6; i++) {
      const reply = await keyspace.tick(epoch);
      if (reply.word === "TICKED") moved.push(reply.moved);
    }
    expect(moved).toEqual([500, 500, 500, 500, 0, 0]);
    expect(await keyspace.store.runway(keyspace.keys, 0)).toHaveLength(2000);
    expect(await keyspace.run(scripts.counts)).toMatchObject({ ready: 2300, delayed: 0 });
  });

  test("that is full takes as many as a claim made room for", async () => {
    const { keyspace, epoch } = await setup();
    await addMany(keyspace, 2010);
    for (let i = 0; i < 4; i++) await keyspace.tick(epoch);
    await keyspace.claim(3);
    expect(await keyspace.tick(epoch)).toMatchObject({ moved: 3 });
    const runway = await keyspace.store.runway(keyspace.keys, 0);
    expect(runway[0]).toBe("t0003");
    expect(runway.at(-1)).toBe("t2002");
  });

  test("of one level is bounded by itself", async () => {
    const { keyspace, epoch } = await setup();
    await addMany(keyspace, 600);
    await keyspace.add({ id: "urgent", priority: 9 });
    expect(await keyspace.tick(epoch)).toMatchObject({ moved: 501 });
  });

  test("is filled while the queue is paused", async () => {
    const { keyspace, epoch } = await setup();
    await keyspace.add({ id: "a" });
    await keyspace.pause();
    expect(await keyspace.tick(epoch)).toMatchObject({ moved: 1 });
  });
});

describe("a lease that expired", () => {
  test("puts its task back with its own due time and level, one attempt and one death used", async () => {
    const { keyspace, epoch } = await setup({ defaults: { attempts: 3 } });
    await keyspace.lease({ id: "a", at: NOW - 7, priority: 5 });
    keyspace.advance(1000);
    const { reply, changes } = await keyspace.watch(async () => keyspace.tick(epoch));
    expect(reply).toMatchObject({ recovered: 1, buried: 0, moved: 1, nextWakeMs: -1 });
    expect(reply).toMatchObject({ recoveredIds: ["a"], buriedIds: [] });
    expect(changes).toEqual({
      leased: { a: GONE },
      leases: { a: GONE },
      more: { a: `1:1:${NOW - 7}` },
      seq: { looksAt: GONE },
      "ready:5": ["a"],
      stats: { recovered: 1 },
    });
  });

  test("goes before what was due later", async () => {
    const { keyspace, epoch } = await setup({ defaults: { attempts: 3 } });
    await keyspace.lease({ id: "first", at: NOW - 7 });
    keyspace.advance(1000);
    await keyspace.add({ id: "second", at: NOW - 5 });
    await keyspace.tick(epoch);
    expect(await keyspace.store.runway(keyspace.keys, 0)).toEqual(["first", "second"]);
  });

  test("is not reaped before its deadline, and is at it", async () => {
    const { keyspace, epoch } = await setup({ defaults: { attempts: 3 } });
    await keyspace.lease({ id: "a" });
    expect(await keyspace.tick(epoch)).toMatchObject({ recovered: 0, nextWakeMs: 1001 });
    keyspace.advance(999);
    expect(await keyspace.tick(epoch)).toMatchObject({ recovered: 0 });
    keyspace.advance(1);
    expect(await keyspace.tick(epoch)).toMatchObject({ recovered: 1 });
  });

  test("buries its task when the attempts of the profile are used", async () => {
    const { keyspace, epoch } = await setup({ defaults: { attempts: 1 } });
    await keyspace.lease({ id: "a" });
    keyspace.advance(1000);
    const { reply, changes } = await keyspace.watch(async () => keyspace.tick(epoch));
    expect(reply).toMatchObject({ recovered: 0, buried: 1, recoveredIds: [], buriedIds: ["a"] });
    expect(changes).toEqual({
      leased: { a: GONE },
      leases: { a: GONE },
      dead: { a: NOW + 1000 },
      seq: { looksAt: GONE },
      more: { a: `1:1:${NOW}` },
      errors: { a: lapsed(1, 1) },
      stats: { dead: 1 },
    });
  });

  test.each([
    { limit: "the deaths of the profile", defaults: { attempts: 9, deathsMax: 2 }, overrides: undefined },
    {
      limit: "the attempts of the task itself",
      defaults: { attempts: 9 },
      overrides: { attempts: 2 },
    },
    {
      limit: "the deaths of the task itself",
      defaults: { attempts: 9, deathsMax: 9 },
      overrides: { deathsMax: 2 },
    },
  ])("buries its task the second time when that is as many as $limit", async ({ defaults, overrides }) => {
    const { keyspace, epoch } = await setup({ defaults });
    await keyspace.add({ id: "a", ...(overrides !== undefined && { overrides }) });
    const outcomes: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      await keyspace.claim(1);
      keyspace.advance(1000);
      outcomes.push(await keyspace.tick(epoch));
    }
    expect(outcomes).toMatchObject([
      { recovered: 1, buried: 0 },
      { recovered: 0, buried: 1 },
    ]);
    expect(await keyspace.snapshot()).toMatchObject({ errors: { a: lapsed(2, 2) } });
  });

  test("lets its task live where the task itself allows more than the profile", async () => {
    const { keyspace, epoch } = await setup({ defaults: { attempts: 1, deathsMax: 1 } });
    await keyspace.lease({
      id: "é".repeat(9),
      name: "ü".repeat(100),
      overrides: { attempts: 5, deathsMax: 5 },
    });
    keyspace.advance(1000);
    expect(await keyspace.tick(epoch)).toMatchObject({ recovered: 1, buried: 0 });
  });

  test("counts failed attempts and deaths apart: three deaths bury, however many attempts are left", async () => {
    const { keyspace, epoch } = await setup({ defaults: { attempts: 100, deathsMax: 3 } });
    await keyspace.add({ id: "a" });
    for (let i = 0; i < 2; i++) {
      const claimed = await keyspace.claim(1);
      if (claimed.word !== "CLAIMED") throw new Error(claimed.word);
      await keyspace.settle("retry", "a", claimed.fence, 0, ERROR);
    }
    for (let i = 0; i < 3; i++) {
      await keyspace.claim(1);
      keyspace.advance(1000);
      await keyspace.tick(epoch);
    }
    expect(await keyspace.snapshot()).toMatchObject({
      dead: { a: NOW + 3000 },
      more: { a: expect.stringMatching(/^5:3:/) as string },
      errors: { a: lapsed(3, 5) },
    });
  });

  test("puts 200 back in one tick, and comes back at once for the rest", async () => {
    const { keyspace, epoch } = await setup({ defaults: { attempts: 3 } });
    await addMany(keyspace, 201);
    await keyspace.claim(201);
    keyspace.advance(1000);
    const reply = await keyspace.tick(epoch);
    expect(reply).toMatchObject({ recovered: 200, nextWakeMs: 1 });
    expect(new Set("recoveredIds" in reply ? reply.recoveredIds : []).size).toBe(200);
    expect(await keyspace.tick(epoch)).toMatchObject({ recovered: 1, nextWakeMs: -1 });
  });

  test("puts 8 back in one tick where payloads are large", async () => {
    const { keyspace, epoch } = await setup({ defaults: { attempts: 3 } });
    await keyspace.add({ id: "big", payload: JSON.stringify("x".repeat(6000)) });
    await addMany(keyspace, 9);
    await keyspace.claim(10);
    keyspace.advance(1000);
    expect(await keyspace.tick(epoch)).toMatchObject({ recovered: 8, nextWakeMs: 1 });
  });

  test("of a task in a newer format puts it back as it was, due now", async () => {
    const { keyspace, epoch } = await setup();
    await keyspace.lease({ id: "a", priority: 2 });
    const newer = (await keyspace.redis.hgetBuffer(keyspace.keys.tasks, "a")) ?? Buffer.alloc(7);
    newer.write("2", 6);
    await keyspace.redis.hset(keyspace.keys.tasks, "a", newer);
    keyspace.advance(1000);
    const { reply, changes } = await keyspace.watch(async () => keyspace.tick(epoch));
    expect(reply).toMatchObject({ recovered: 1, buried: 0 });
    expect(changes).toEqual({
      leased: { a: GONE },
      leases: { a: GONE },
      seq: { looksAt: GONE },
      "ready:2": ["a"],
      stats: { recovered: 1 },
    });
  });

  test("whose deadline is further away than the longest lease is pulled in", async () => {
    const { keyspace, epoch } = await setup({ defaults: { attempts: 3 } });
    await keyspace.lease({ id: "near" });
    await keyspace.add({ id: "far" });
    await keyspace.claim(1, "w2", 7_200_000);
    const { reply, changes } = await keyspace.watch(async () => keyspace.tick(epoch));
    expect(reply).toMatchObject({ recovered: 0, nextWakeMs: 1001 });
    expect(changes).toEqual({ leased: { far: NOW + 3_600_000 }, seq: { looksAt: GONE } });
  });
});

describe("what a tick forgets", () => {
  test("is a kept result whose time is over, with all that belongs to it", async () => {
    const { keyspace, epoch } = await setup();
    const fence = await keyspace.lease({ id: "a" }, { id: "b" });
    await keyspace.settle("retry", "a", fence, 0, ERROR, "keep", "b", fence, 60_000, "1");
    const again = await keyspace.claim(1);
    if (again.word !== "CLAIMED") throw new Error(again.word);
    await keyspace.settle("keep", "a", again.fence, 5000, "42");
    expect(await keyspace.tick(epoch)).toMatchObject({ nextWakeMs: 5001 });
    keyspace.advance(4999);
    expect((await keyspace.watch(async () => keyspace.tick(epoch))).changes).toEqual({});
    keyspace.advance(1);
    const { changes } = await keyspace.watch(async () => keyspace.tick(epoch));
    expect(changes).toEqual({
      done: { a: GONE },
      tasks: { a: GONE },
      more: { a: GONE },
      results: { a: GONE },
    });
  });

  test("is bounded: it comes back at once for what it left", async () => {
    const { keyspace, epoch } = await setup();
    await addMany(keyspace, 201);
    const claimed = await keyspace.claim(201);
    if (claimed.word !== "CLAIMED") throw new Error(claimed.word);
    const items = claimed.claimed.flatMap(({ id }) => ["keep", id, claimed.fence, 5, "1"]);
    await keyspace.settle(...items);
    keyspace.advance(5);
    expect(await keyspace.tick(epoch)).toMatchObject({ nextWakeMs: 0 });
    expect(await keyspace.run(scripts.counts)).toMatchObject({ done: 1 });
    expect(await keyspace.tick(epoch)).toMatchObject({ nextWakeMs: -1 });
    expect(await keyspace.run(scripts.counts)).toMatchObject({ done: 0 });
  });

  test("are the calls of more than 60 s ago, with their answers", async () => {
    const { keyspace, epoch } = await setup();
    await keyspace.add({ id: "a", delay: 999_999 }, { id: "a" });
    await keyspace.claim();
    keyspace.advance(1);
    await keyspace.add({ id: "b", delay: 999_999 });
    keyspace.advance(59_998);
    expect((await keyspace.watch(async () => keyspace.tick(epoch))).changes).toEqual({});
    keyspace.advance(1);
    const { changes } = await keyspace.watch(async () => keyspace.tick(epoch));
    expect(changes).toEqual({ calls: { c1: GONE, w1: GONE }, answers: { c1: GONE, w1: GONE } });
  });

  test("are calls from a clock that was far ahead", async () => {
    const { keyspace, epoch } = await setup();
    keyspace.advance(60_001);
    await keyspace.add({ id: "a" });
    keyspace.advance(-60_001);
    const { changes } = await keyspace.watch(async () => keyspace.tick(epoch));
    expect(changes).toEqual({ calls: { c1: GONE } });
  });

  test("are workers that have waited for longer than any slow poll", async () => {
    const { keyspace, epoch } = await setup();
    await keyspace.claim(1, "old");
    keyspace.advance(1);
    await keyspace.claim(1, "young");
    keyspace.advance(699_999);
    const { changes } = await keyspace.watch(async () => keyspace.tick(epoch));
    expect(changes["waiting"]).toEqual({ old: GONE });
  });
});

test("a tick that does not tidy leaves calls and deadlines that are far away for one that does", async () => {
  const { keyspace, epoch } = await setup({ defaults: { attempts: 3 } });
  await keyspace.complete({ id: "kept" });
  await keyspace.add({ id: "far" });
  await keyspace.claim(1, "w2", 7_200_000);
  await keyspace.lease({ id: "expires" });
  await keyspace.add({ id: "moves", delay: 60_000 });
  await keyspace.claim(1, "w3");
  keyspace.advance(60_000);
  const { reply, changes } = await keyspace.watch(async () => await keyspace.tick(epoch, false));
  expect(reply).toMatchObject({ recovered: 1, moved: 2, nextWakeMs: 7_140_001 });
  expect(Object.keys(changes).toSorted()).toEqual([
    "done",
    "due:0",
    "leased",
    "leases",
    "more",
    "ready:0",
    "results",
    "seq",
    "stats",
    "tasks",
    "waiting",
  ]);
  expect(changes["leased"]).toEqual({ expires: GONE });
  const tidied = await keyspace.watch(async () => await keyspace.tick(epoch));
  expect(Object.keys(tidied.changes).toSorted()).toEqual(["answers", "calls", "leased"]);
});
