import { describe, expect, test } from "vitest";
import * as scripts from "../../src/store/scripts.ts";
import { ERROR, GONE, NOW, openKeyspace, type Keyspace, type Seed } from "../support/keyspace.ts";

/** A queue in which w1 holds leases. */
async function setup(...seeds: Seed[]): Promise<{ keyspace: Keyspace; fence: string }> {
  const keyspace = await openKeyspace();
  const fence = await keyspace.lease(...seeds);
  return { keyspace, fence };
}

const done = { a: GONE };
/** What every settle of `a` changes: the lease ends, and the call is remembered. */
const ended = { leased: done, leases: done, calls: { c2: NOW } };
/** Works on the lease of a task as a settle item. */
const item = (outcome: string, id: string, fence: string, ms = 0, text = ""): (string | number)[] => [
  outcome,
  id,
  fence,
  ms,
  text,
];

describe("settle", () => {
  test("ends an acked task for good", async () => {
    const { keyspace, fence } = await setup({ id: "a" }, { id: "b" });
    const { reply, changes } = await keyspace.watch(async () =>
      keyspace.run(scripts.settle, { acks: 1 }, [fence, 1, "a"]),
    );
    expect(reply).toEqual({ word: "SETTLED", refused: [] });
    expect(changes).toEqual({ ...ended, tasks: done, stats: { completed: 1 } });
  });

  test("leaves nothing of an acked task that had failed before", async () => {
    const { keyspace, fence } = await setup({ id: "a" });
    await keyspace.settle(...item("retry", "a", fence, 0, ERROR));
    const again = await keyspace.claim();
    if (again.word !== "CLAIMED") throw new Error(again.word);
    const { changes } = await keyspace.watch(async () =>
      keyspace.run(scripts.settle, { acks: 1 }, [again.fence, 1, "a"]),
    );
    expect(changes).toEqual({
      leased: done,
      leases: done,
      calls: { c3: NOW },
      tasks: done,
      more: done,
      errors: done,
      stats: { completed: 1 },
    });
  });

  test("keeps a completed task with its result, and forgets its error", async () => {
    const { keyspace, fence } = await setup({ id: "a" });
    await keyspace.settle(...item("retry", "a", fence, 0, ERROR));
    const again = await keyspace.claim();
    if (again.word !== "CLAIMED") throw new Error(again.word);
    const { changes } = await keyspace.watch(async () =>
      keyspace.settle(...item("keep", "a", again.fence, 5000, "42")),
    );
    expect(changes).toMatchObject({
      done: { a: NOW + 5000 },
      results: { a: "42" },
      errors: done,
      stats: { completed: 1 },
    });
    expect(Object.keys(changes)).toEqual([
      "calls",
      "done",
      "errors",
      "leased",
      "leases",
      "more",
      "results",
      "stats",
    ]);
  });

  test("takes one word of a task, the first, and refuses the second", async () => {
    const { keyspace, fence } = await setup({ id: "a" });
    const { reply, changes } = await keyspace.watch(async () =>
      keyspace.settle(...item("bury", "a", fence, 0, ERROR), ...item("retry", "a", fence, 1000, ERROR)),
    );
    expect(reply).toEqual({ word: "SETTLED", refused: [1] });
    expect(changes).toMatchObject({ dead: { a: NOW }, stats: { failed: 1, dead: 1 } });
    expect(changes).not.toHaveProperty("due:0");
  });

  test("knows the levels of tasks in a shard with large records", async () => {
    const payload = JSON.stringify("x".repeat(5000));
    const { keyspace, fence } = await setup({ id: "a", priority: 4, payload }, { id: "b", priority: 2 });
    const { changes } = await keyspace.watch(async () =>
      keyspace.settle(...item("retry", "a", fence, 1000, ERROR), ...item("retry", "b", fence, 2000, ERROR)),
    );
    expect(changes).toMatchObject({ "due:4": { a: NOW + 1000 }, "due:2": { b: NOW + 2000 } });
  });

  test("puts a failed task back, due again later, one attempt used, with its error", async () => {
    const { keyspace, fence } = await setup({ id: "a", priority: 4 });
    const { reply, changes } = await keyspace.watch(async () =>
      keyspace.settle(...item("retry", "a", fence, 250, ERROR)),
    );
    expect(reply.refused).toEqual([]);
    expect(changes).toEqual({
      ...ended,
      "due:4": { a: NOW + 250 },
      more: { a: `1:0:${NOW + 250}` },
      errors: { a: ERROR },
      stats: { failed: 1, retried: 1 },
    });
  });

  test("buries a task that failed for good, one attempt used, with its error", async () => {
    const { keyspace, fence } = await setup({ id: "a", at: NOW - 5 });
    const { changes } = await keyspace.watch(async () =>
      keyspace.settle(...item("bury", "a", fence, 0, ERROR)),
    );
    expect(changes).toEqual({
      ...ended,
      dead: { a: NOW },
      more: { a: `1:0:${NOW - 5}` },
      errors: { a: ERROR },
      stats: { failed: 1, dead: 1 },
    });
  });

  test("counts a failure by time-out twice: as one, and as failed", async () => {
    const { keyspace, fence } = await setup({ id: "a" }, { id: "b" });
    const items = [
      ...item("retry timedOut", "a", fence, 250, ERROR),
      ...item("bury timedOut", "b", fence, 0, ERROR),
    ];
    const { changes } = await keyspace.watch(async () => keyspace.settle(...items));
    expect(changes).toMatchObject({
      "due:0": { a: NOW + 250 },
      dead: { b: NOW },
      errors: { a: ERROR, b: ERROR },
      stats: { failed: 2, timedOut: 2, retried: 1, dead: 1 },
    });
  });

  test("releases a task as it was: its own due time and level, no attempt used", async () => {
    const { keyspace, fence } = await setup({ id: "a", at: NOW - 5, priority: 2 });
    const { changes } = await keyspace.watch(async () => keyspace.settle(...item("release", "a", fence)));
    expect(changes).toEqual({ ...ended, "due:2": { a: NOW - 5 }, stats: { released: 1 } });
  });

  test("releases a task that was moved with the due time that it was moved to", async () => {
    const keyspace = await openKeyspace();
    await keyspace.add({ id: "a", delay: 90_000 });
    await keyspace.run(scripts.reschedule, {}, ["a", NOW - 3]);
    const claimed = await keyspace.claim();
    if (claimed.word !== "CLAIMED") throw new Error(claimed.word);
    const { changes } = await keyspace.watch(async () =>
      keyspace.settle(...item("release", "a", claimed.fence)),
    );
    expect(changes["due:0"]).toEqual({ a: NOW - 3 });
    expect(changes["more"]).toBeUndefined();
  });

  test("postpones a task with no attempt used, and keeps what was used before", async () => {
    const { keyspace, fence } = await setup({ id: "a" });
    await keyspace.settle(...item("retry", "a", fence, 0, ERROR));
    const again = await keyspace.claim();
    if (again.word !== "CLAIMED") throw new Error(again.word);
    const { changes } = await keyspace.watch(async () =>
      keyspace.settle(...item("postpone", "a", again.fence, 700)),
    );
    expect(changes).toEqual({
      ...ended,
      calls: { c3: NOW },
      "due:0": { a: NOW + 700 },
      more: { a: `1:0:${NOW + 700}` },
      stats: { released: 1 },
    });
  });

  test("leaves nothing of a task that has expired, whatever had happened to it", async () => {
    const { keyspace, fence } = await setup({ id: "a" });
    await keyspace.settle(...item("retry", "a", fence, 0, ERROR));
    const again = await keyspace.claim();
    if (again.word !== "CLAIMED") throw new Error(again.word);
    const { reply, changes } = await keyspace.watch(async () =>
      keyspace.settle(...item("expire", "a", again.fence)),
    );
    expect(reply.refused).toEqual([]);
    expect(changes).toEqual({
      ...ended,
      calls: { c3: NOW },
      tasks: done,
      more: done,
      errors: done,
      stats: { expired: 1 },
    });
  });

  test("settles acks and all other outcomes in one call, and counts each", async () => {
    const ids = ["a1", "a2", "k", "r", "b", "e", "p", "x"];
    const { keyspace, fence } = await setup(...ids.map((id) => ({ id })));
    const items = [
      fence,
      2,
      "a1",
      "a2",
      ...item("keep", "k", fence, 10, "null"),
      ...item("retry", "r", fence, 10, ERROR),
      ...item("bury", "b", fence, 0, ERROR),
      ...item("release", "e", fence),
      ...item("postpone", "p", fence, 10),
      ...item("expire", "x", fence),
    ];
    const reply = await keyspace.run(scripts.settle, { acks: 2 }, items);
    expect(reply.refused).toEqual([]);
    const { stats, leased, tasks } = await keyspace.snapshot();
    const counts = { completed: 3, failed: 2, retried: 1, dead: 1, released: 2, expired: 1 };
    expect(stats).toEqual({ added: 8, ...counts });
    expect(leased).toBeUndefined();
    expect(Object.keys(tasks ?? {}).toSorted()).toEqual(["b", "e", "k", "p", "r"]);
  });

  test("takes 200 items", async () => {
    const seeds = Array.from({ length: 200 }, (_, i) => ({ id: `t${i}` }));
    const { keyspace, fence } = await setup(...seeds);
    const items = seeds.flatMap(({ id }) => item("retry", id, fence, 1, ERROR));
    expect(await keyspace.settle(...items)).toMatchObject({ refused: [] });
  });
});

describe("a settle of a lease that is not held", () => {
  test("is refused and changes nothing, whatever the outcome", async () => {
    const { keyspace, fence } = await setup({ id: "a" }, { id: "gone" });
    await keyspace.run(scripts.cancel, {}, ["gone", 1]);
    const late = String(Number(fence) - 1);
    const items = [
      late,
      1,
      "a",
      fence,
      2,
      "gone",
      "never",
      ...["keep", "retry", "bury timedOut", "release", "postpone", "expire"].flatMap((outcome) =>
        item(outcome, "a", late, 0, ERROR),
      ),
    ];
    const { reply, changes } = await keyspace.watch(async () =>
      keyspace.run(scripts.settle, { acks: 3 }, items),
    );
    expect(reply.refused).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(Object.keys(changes)).toEqual(["answers", "calls"]);
  });

  test("does not take the beginning of a fence for the fence", async () => {
    const { keyspace, fence } = await setup({ id: "a" });
    const reply = await keyspace.run(scripts.settle, { acks: 2 }, [fence.slice(0, -1), 1, "a", "", 1, "a"]);
    expect(reply.refused).toEqual([0, 1]);
  });

  test("is refused after the lease expired and another worker holds the task", async () => {
    const { keyspace, fence } = await setup({ id: "a", overrides: { attempts: 5 } });
    keyspace.advance(1000);
    await keyspace.tick(await keyspace.takeShard());
    const second = await keyspace.claim(1, "w2");
    expect(second.word).toBe("CLAIMED");
    const late = await keyspace.run(scripts.settle, { acks: 1 }, [fence, 1, "a"]);
    expect(late.refused).toEqual([0]);
    expect(await keyspace.run(scripts.counts)).toMatchObject({ leased: 1 });
  });

  test("does not keep the others of its call from being settled", async () => {
    const { keyspace, fence } = await setup({ id: "a" }, { id: "b" });
    const { reply, changes } = await keyspace.watch(async () =>
      keyspace.run(scripts.settle, { acks: 3 }, [fence, 3, "a", "x", "b"]),
    );
    expect(reply.refused).toEqual([1]);
    expect(changes["stats"]).toEqual({ completed: 2 });
  });

  test("refuses the second of two items of one task", async () => {
    const { keyspace, fence } = await setup({ id: "a" });
    const { reply, changes } = await keyspace.watch(async () =>
      keyspace.run(scripts.settle, { acks: 1 }, [fence, 1, "a", ...item("bury", "a", fence, 0, ERROR)]),
    );
    expect(reply.refused).toEqual([1]);
    expect(changes["stats"]).toEqual({ completed: 1 });
  });
});

describe("a settle that is sent again", () => {
  test("changes nothing and answers as before", async () => {
    const { keyspace, fence } = await setup({ id: "a" }, { id: "b" });
    const items = [fence, 2, "a", "x", ...item("retry", "b", fence, 0, ERROR)];
    const send = async () => await keyspace.run(scripts.settle, { callId: "x", acks: 2 }, items);
    const first = await send();
    expect(first.refused).toEqual([1]);
    keyspace.advance(10);
    const { reply, changes } = await keyspace.watch(send);
    expect(reply).toEqual(first);
    expect(changes).toEqual({});
  });

  test("answers plainly where all was settled, although the leases are gone", async () => {
    const { keyspace, fence } = await setup({ id: "a" });
    const send = async () => await keyspace.run(scripts.settle, { callId: "x", acks: 1 }, [fence, 1, "a"]);
    expect(await send()).toEqual({ word: "SETTLED", refused: [] });
    const { reply, changes } = await keyspace.watch(send);
    expect(reply).toEqual({ word: "SETTLED", refused: [] });
    expect(changes).toEqual({});
  });
});
