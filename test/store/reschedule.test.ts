import { describe, expect, test } from "vitest";
import * as scripts from "../../src/store/scripts.ts";
import { ERROR, NOW, openKeyspace, type Keyspace } from "../support/keyspace.ts";

const setup = async (): Promise<Keyspace> => await openKeyspace();
const reschedule = async (keyspace: Keyspace, id: string, due: string | number) =>
  await keyspace.run(scripts.reschedule, {}, [id, due]);
const noted = { calls: { c2: NOW } };

describe("reschedule", () => {
  test("moves a delayed task, by a delay or to an instant", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", delay: 10, priority: 3 });
    const { reply, changes } = await keyspace.watch(async () => reschedule(keyspace, "a", "+70"));
    expect(reply).toEqual({ word: "OUTCOMES", outcomes: ["rescheduled"] });
    expect(changes).toEqual({ "due:3": { a: NOW + 70 }, more: { a: `0:0:${NOW + 70}` }, ...noted });
    const to = await keyspace.watch(async () => reschedule(keyspace, "a", NOW + 5));
    expect(to.changes).toMatchObject({ "due:3": { a: NOW + 5 }, more: { a: `0:0:${NOW + 5}` } });
  });

  test("makes a task on the runway delayed again", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "1" }, { id: "a" }, { id: "b" });
    await keyspace.tick(await keyspace.takeShard());
    const { changes } = await keyspace.watch(async () => reschedule(keyspace, "a", "+70"));
    expect(changes).toEqual({
      "ready:0": ["1", "b"],
      "due:0": { a: NOW + 70 },
      more: { a: `0:0:${NOW + 70}` },
      ...noted,
    });
  });

  test("keeps the attempts and deaths that were used", async () => {
    const keyspace = await setup();
    const fence = await keyspace.lease({ id: "a" });
    await keyspace.settle("retry", "a", fence, 50, ERROR);
    const { changes } = await keyspace.watch(async () => reschedule(keyspace, "a", "+70"));
    expect(changes["more"]).toEqual({ a: `1:0:${NOW + 70}` });
  });

  test("to the beginning of time makes a task due, for good", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", delay: 90_000 });
    await reschedule(keyspace, "a", 0);
    const claimed = await keyspace.claim(1);
    if (claimed.word !== "CLAIMED") throw new Error(claimed.word);
    await keyspace.settle("release", "a", claimed.fence, 0, "");
    expect(await keyspace.claim(1)).toMatchObject({ word: "CLAIMED" });
  });

  test("of a task that does not run is refused for it alone", async () => {
    const keyspace = await setup();
    await keyspace.complete({ id: "done" });
    await keyspace.add({ id: "a", delay: 10 });
    const reply = await keyspace.run(scripts.reschedule, {}, ["done", "+1", "nobody", "+1", "a", "+1"]);
    expect(reply.outcomes).toEqual(["done", "missing", "rescheduled"]);
  });
});
