import { describe, expect, test } from "vitest";
import * as scripts from "../../src/store/scripts.ts";
import { ERROR, GONE, NOW, openKeyspace, type Keyspace } from "../support/keyspace.ts";

const setup = async (): Promise<Keyspace> => await openKeyspace();
const cancel = async (keyspace: Keyspace, id: string, abort = 0) =>
  await keyspace.run(scripts.cancel, {}, [id, abort]);
const gone = { a: GONE };
const noted = { calls: { c2: NOW } };

describe("cancel", () => {
  test("leaves nothing of a delayed task", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", delay: 10, priority: 3 }, { id: "b", delay: 10, priority: 3 });
    const { reply, changes } = await keyspace.watch(async () => cancel(keyspace, "a"));
    expect(reply).toEqual({ word: "OUTCOMES", outcomes: ["cancelled"] });
    expect(changes).toEqual({ "due:3": gone, tasks: gone, stats: { cancelled: 1 }, ...noted });
  });

  test("takes a task out of the middle of its runway", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "1" }, { id: "a" }, { id: "b" });
    await keyspace.tick(await keyspace.takeShard());
    const { changes } = await keyspace.watch(async () => cancel(keyspace, "a"));
    expect(changes).toEqual({ "ready:0": ["1", "b"], tasks: gone, stats: { cancelled: 1 }, ...noted });
  });

  test("leaves nothing of a task that had failed before", async () => {
    const keyspace = await setup();
    const fence = await keyspace.lease({ id: "a" });
    await keyspace.settle("retry", "a", fence, 50, ERROR);
    const { changes } = await keyspace.watch(async () => cancel(keyspace, "a"));
    expect(changes).toMatchObject({ "due:0": gone, tasks: gone, more: gone, errors: gone });
  });

  test("revokes the lease of a running task when it is to abort it", async () => {
    const keyspace = await setup();
    const fence = await keyspace.lease({ id: "a" });
    const { changes } = await keyspace.watch(async () => cancel(keyspace, "a", 1));
    expect(changes).toEqual({
      leased: gone,
      leases: gone,
      tasks: gone,
      stats: { cancelled: 1 },
      ...noted,
    });
    expect(await keyspace.run(scripts.extend, { leaseMs: 1000 }, ["a", fence])).toMatchObject({
      lost: [0],
    });
    expect(await keyspace.run(scripts.settle, { acks: 1 }, [fence, 1, "a"])).toMatchObject({ refused: [0] });
  });

  test("frees the id: a task of the same id is a new one", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", delay: 10 });
    await cancel(keyspace, "a");
    expect(await keyspace.add({ id: "a" })).toMatchObject({ existed: [] });
  });

  test("answers for each of many, each in its own state", async () => {
    const keyspace = await setup();
    await keyspace.bury({ id: "dead" });
    await keyspace.add({ id: "delayed", delay: 10 });
    const reply = await keyspace.run(scripts.cancel, {}, [
      "dead",
      0,
      "nobody",
      1,
      "delayed",
      0,
      "delayed",
      0,
    ]);
    expect(reply.outcomes).toEqual(["dead", "missing", "cancelled", "missing"]);
  });
});
