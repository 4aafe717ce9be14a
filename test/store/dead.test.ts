import { describe, expect, test } from "vitest";
import * as scripts from "../../src/store/scripts.ts";
import { ERROR, GONE, NOW, openKeyspace, type Keyspace } from "../support/keyspace.ts";

/** A queue with a dead task of level 4 that failed twice. */
async function setup(): Promise<Keyspace> {
  const keyspace = await openKeyspace();
  const fence = await keyspace.lease({ id: "a", priority: 4, at: NOW - 8 });
  await keyspace.settle("retry", "a", fence, 0, ERROR);
  const again = await keyspace.claim(1);
  if (again.word !== "CLAIMED") throw new Error(again.word);
  await keyspace.settle("bury", "a", again.fence, 0, ERROR);
  return keyspace;
}

describe("requeue", () => {
  test("makes a dead task due now, with no attempt used, and keeps its last error", async () => {
    const keyspace = await setup();
    keyspace.advance(7);
    const { reply, changes } = await keyspace.watch(async () => keyspace.run(scripts.requeue, {}, ["a"]));
    expect(reply).toEqual({ word: "OUTCOMES", outcomes: ["requeued"] });
    expect(changes).toEqual({
      dead: { a: GONE },
      "due:4": { a: NOW + 7 },
      more: { a: `0:0:${NOW + 7}` },
      stats: { requeued: 1 },
      calls: { c4: NOW + 7 },
    });
    expect(await keyspace.snapshot()).toMatchObject({ errors: { a: ERROR } });
  });

  test("requeues 200 in one call, over all levels", async () => {
    const keyspace = await openKeyspace();
    const seeds = Array.from({ length: 200 }, (_, i) => ({ id: `t${i}`, priority: i % 10 }));
    await keyspace.bury(...seeds);
    const reply = await keyspace.run(
      scripts.requeue,
      {},
      seeds.map(({ id }) => id),
    );
    expect(new Set(reply.outcomes)).toEqual(new Set(["requeued"]));
    expect(await keyspace.run(scripts.counts)).toMatchObject({ ready: 200, dead: 0 });
  });
});

describe("purge", () => {
  test("leaves nothing of a dead task", async () => {
    const keyspace = await setup();
    const { reply, changes } = await keyspace.watch(async () => keyspace.run(scripts.purge, {}, ["a"]));
    expect(reply).toEqual({ word: "OUTCOMES", outcomes: ["purged"] });
    expect(changes).toEqual({
      dead: { a: GONE },
      tasks: { a: GONE },
      more: { a: GONE },
      errors: { a: GONE },
      stats: { purged: 1 },
      calls: { c4: NOW },
    });
  });

  test("leaves nothing of a done task, which stays counted as completed", async () => {
    const keyspace = await openKeyspace();
    await keyspace.complete({ id: "a" });
    const { changes } = await keyspace.watch(async () => keyspace.run(scripts.purge, {}, ["a"]));
    expect(changes).toEqual({
      done: { a: GONE },
      tasks: { a: GONE },
      more: { a: GONE },
      results: { a: GONE },
      calls: { c3: NOW },
    });
  });
});
