import { describe, expect, test } from "vitest";
import { microseconds, NOW, openKeyspace } from "../support/keyspace.ts";

describe("look-shard", () => {
  test("of a queue that is not there finds nothing", async () => {
    const keyspace = await openKeyspace({ isRegistered: false });
    expect(await keyspace.store.lookShard(keyspace.keys, 1000)).toMatchObject({
      owner: "",
      epoch: "0",
      delayed: 0,
      ready: 0,
      nextDueMs: undefined,
      oldestDueMs: undefined,
      expiredLeases: 0,
      firstDeadlineMs: undefined,
      diedLately: 0,
      diedBefore: 0,
      counters: [],
    });
  });

  test("tells owner, states, what is due next and what has waited longest, on a runway or behind it", async () => {
    const keyspace = await openKeyspace();
    await keyspace.bury({ id: "dead" });
    await keyspace.lease({ id: "l1" });
    await keyspace.add({ id: "later", delay: 70 }, { id: "sooner", delay: 50, priority: 9 });
    await keyspace.add({ id: "onRunway", at: NOW - 400, priority: 3 });
    const epoch = await keyspace.takeShard("s1");
    await keyspace.tick(epoch);
    await keyspace.add({ id: "behind", at: NOW - 100, priority: 3 });
    const { reply, changes } = await keyspace.watch(async () =>
      keyspace.store.lookShard(keyspace.keys, 1000),
    );
    expect(reply).toMatchObject({
      word: "SHARD",
      nowMs: NOW,
      epoch,
      owner: "s1",
      paused: false,
      delayed: 2,
      ready: 2,
      leased: 1,
      dead: 1,
      done: 0,
      nextDueMs: NOW + 50,
      oldestDueMs: NOW - 400,
    });
    expect(changes).toEqual({});
  });

  test("tells leases past their deadline, recent deaths and counters", async () => {
    const keyspace = await openKeyspace();
    await keyspace.bury({ id: "dead1" });
    keyspace.advance(1000);
    await keyspace.bury({ id: "dead2" }, { id: "dead3" });
    keyspace.advance(500);
    await keyspace.lease({ id: "leased1" });
    keyspace.advance(500);
    await keyspace.lease({ id: "leased2" });
    await keyspace.add({ id: "due", at: NOW - 7 }, { id: "soon", delay: 3000 });
    await keyspace.add({ id: "later", delay: 4000, priority: 9 });
    keyspace.advance(501);
    const epoch = await keyspace.takeShard("s1");
    const nowMs = keyspace.nowMs;
    const { reply, changes } = await keyspace.watch(async () =>
      keyspace.store.lookShard(keyspace.keys, 1500),
    );
    expect(reply).toMatchObject({
      nowMs,
      owner: "s1",
      epoch,
      oldestDueMs: NOW - 7,
      nextDueMs: NOW + 2000 + 3000,
      expiredLeases: 1,
      firstDeadlineMs: NOW + 1500 + 1000,
      diedLately: 0,
      diedBefore: 3,
    });
    expect(new Map(reply.counters).get("added")).toBe(8);
    expect(epoch).toBe(microseconds(nowMs));
    expect(changes).toEqual({});
    expect(await keyspace.store.lookShard(keyspace.keys, 2000)).toMatchObject({
      diedLately: 2,
      diedBefore: 1,
    });
  });

  test("reads the due time of what is on a runway from its record, or from what changed", async () => {
    const keyspace = await openKeyspace();
    const epoch = await keyspace.takeShard();
    await keyspace.add({ id: "first", at: NOW - 50 }, { id: "second", at: NOW - 9, priority: 4 });
    await keyspace.tick(epoch);
    expect(await keyspace.store.lookShard(keyspace.keys, 1000)).toMatchObject({ oldestDueMs: NOW - 50 });
    await keyspace.store.reschedule(keyspace.keys, ["first", String(NOW + 70)]);
    keyspace.advance(80);
    await keyspace.tick(epoch);
    expect(await keyspace.store.lookShard(keyspace.keys, 1000)).toMatchObject({ oldestDueMs: NOW - 9 });
    await keyspace.store.cancel(keyspace.keys, ["second", 0]);
    expect(await keyspace.store.lookShard(keyspace.keys, 1000)).toMatchObject({ oldestDueMs: NOW + 70 });
  });
});
