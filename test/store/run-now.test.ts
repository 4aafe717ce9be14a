import { describe, expect, test } from "vitest";
import * as scripts from "../../src/store/scripts.ts";
import { ERROR, NOW, openKeyspace, type Keyspace } from "../support/keyspace.ts";

const setup = async (): Promise<Keyspace> => await openKeyspace();
const runNow = async (keyspace: Keyspace, ...ids: string[]) => await keyspace.run(scripts.runNow, {}, ids);
const noted = { calls: { c2: NOW }, answers: { c2: ["OUTCOMES", "due"] } };

describe("run-now", () => {
  test("makes a delayed task due now", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", delay: 90_000, priority: 3 });
    const { reply, changes } = await keyspace.watch(async () => runNow(keyspace, "a"));
    expect(reply).toEqual({ word: "OUTCOMES", outcomes: ["due"] });
    expect(changes).toEqual({ "due:3": { a: NOW }, more: { a: `0:0:${NOW}` }, ...noted });
    expect(await keyspace.claim()).toMatchObject({ claimed: [{ id: "a", more: `0:0:${NOW}` }] });
  });

  test("leaves one that is due its turn", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", at: NOW - 50 });
    const { changes } = await keyspace.watch(async () => runNow(keyspace, "a"));
    expect(changes).toEqual(noted);
  });

  test("leaves one on the runway its turn", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "1" }, { id: "a" });
    await keyspace.tick(await keyspace.takeShard());
    const { changes } = await keyspace.watch(async () => runNow(keyspace, "a"));
    expect(changes).toEqual(noted);
  });

  test("keeps the attempts that were used", async () => {
    const keyspace = await setup();
    const fence = await keyspace.lease({ id: "a" });
    await keyspace.settle("retry", "a", fence, 90_000, ERROR);
    const { changes } = await keyspace.watch(async () => runNow(keyspace, "a"));
    expect(changes["more"]).toEqual({ a: `1:0:${NOW}` });
  });
});
