import { describe, expect, test } from "vitest";
import { NOW, openKeyspace } from "../support/keyspace.ts";

describe("counts", () => {
  test("of a queue that is not there are all nought", async () => {
    const keyspace = await openKeyspace({ isRegistered: false });
    expect(await keyspace.store.counts(keyspace.keys)).toEqual({
      word: "COUNTS",
      delayed: 0,
      ready: 0,
      leased: 0,
      dead: 0,
      done: 0,
      paused: false,
      counters: [],
    });
  });

  test("tells how many tasks are in each state over all levels, and the counters", async () => {
    const keyspace = await openKeyspace();
    await keyspace.bury({ id: "dead" });
    await keyspace.complete({ id: "done1" }, { id: "done2" });
    await keyspace.lease({ id: "l1" }, { id: "l2" }, { id: "l3" });
    await keyspace.add({ id: "onRunway", priority: 3 });
    await keyspace.tick(await keyspace.takeShard());
    await keyspace.add({ id: "due", priority: 3 }, { id: "past", at: NOW - 1 });
    await keyspace.add({ id: "later", delay: 1 }, { id: "latest", delay: 9, priority: 9 });
    await keyspace.pause();
    const { reply, changes } = await keyspace.watch(async () => keyspace.store.counts(keyspace.keys));
    expect(reply).toMatchObject({ delayed: 2, ready: 3, leased: 3, dead: 1, done: 2, paused: true });
    expect(Object.fromEntries(reply.counters)).toEqual({ added: 11, completed: 2, failed: 1, dead: 1 });
    expect(changes).toEqual({});
  });
});
