import { describe, expect, test } from "vitest";
import { NOW, openKeyspace } from "../support/keyspace.ts";

describe("due-before", () => {
  test("of a queue that is not there counts nothing", async () => {
    const keyspace = await openKeyspace({ isRegistered: false });
    expect(await keyspace.store.dueBefore(keyspace.keys, [NOW, NOW + 1])).toEqual({
      word: "COUNTED",
      nowMs: NOW,
      runway: 0,
      due: 0,
      later: 0,
      counts: [0, 0],
    });
  });

  test("counts over all levels what is due before each instant, and changes nothing", async () => {
    const keyspace = await openKeyspace();
    await keyspace.lease({ id: "leased" });
    await keyspace.add({ id: "onRunway", priority: 3 });
    await keyspace.tick(await keyspace.takeShard());
    await keyspace.add({ id: "due" }, { id: "past", at: NOW - 5, priority: 3 });
    await keyspace.add({ id: "soon", delay: 10 }, { id: "soon9", delay: 10, priority: 9 });
    await keyspace.add({ id: "late", delay: 1000 });
    const { reply, changes } = await keyspace.watch(async () =>
      keyspace.store.dueBefore(keyspace.keys, [NOW, NOW + 10, NOW + 11, NOW + 9999]),
    );
    expect(reply).toEqual({
      word: "COUNTED",
      nowMs: NOW,
      runway: 1,
      due: 2,
      later: 3,
      counts: [1, 2, 4, 5],
    });
    expect(changes).toEqual({});
  });
});
