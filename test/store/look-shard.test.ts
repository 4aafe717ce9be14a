import { describe, expect, test } from "vitest";
import { NOW, openKeyspace } from "../support/keyspace.ts";

describe("look-shard", () => {
  test("of a queue that is not there finds nothing", async () => {
    const keyspace = await openKeyspace({ isRegistered: false });
    expect(await keyspace.store.lookShard(keyspace.keys)).toMatchObject({
      owner: "",
      epoch: "0",
      delayed: 0,
      ready: 0,
      nextDueMs: undefined,
      headDueMs: undefined,
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
    const { reply, changes } = await keyspace.watch(async () => keyspace.store.lookShard(keyspace.keys));
    expect(reply).toEqual({
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
      headDueMs: NOW - 400,
    });
    expect(changes).toEqual({});
  });
});
