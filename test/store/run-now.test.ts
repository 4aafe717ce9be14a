import { describe, expect, test } from "vitest";
import * as scripts from "../../src/store/scripts.ts";
import { ERROR, NOW, addItems, openKeyspace, type Keyspace } from "../support/keyspace.ts";

const setup = async (): Promise<Keyspace> => await openKeyspace();
const runNow = async (keyspace: Keyspace, ...ids: string[]) => await keyspace.run(scripts.runNow, {}, ids);
const noted = { calls: { c2: NOW } };

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

  test("gives one that is due and can expire its time again", async () => {
    const keyspace = await setup();
    const meta = { shards: 1, paused: false, generation: "0", profiles: new Map([[2, '{"expireMs":10}']]) };
    await keyspace.store.copyCtl(keyspace.keys, meta);
    await keyspace.add({ id: "a", at: NOW - 50, overrides: { expireMs: 10 } }, { id: "b", at: NOW - 40 });
    const others = [
      { id: "c", at: NOW - 30, profile: 2 },
      { id: "d", at: NOW - 20, profile: 2, overrides: { expireMs: 0 } },
    ];
    await keyspace.run(scripts.add, { profile: 2 }, addItems(others));
    const ids = ["a", "b", "c", "d"];
    const { reply, changes } = await keyspace.watch(async () => runNow(keyspace, ...ids));
    expect(reply.outcomes).toEqual(ids.map(() => "due"));
    const facts = `0:0:${NOW}`;
    expect(changes).toMatchObject({ "due:0": { a: NOW, c: NOW }, more: { a: facts, c: facts } });
    expect(await keyspace.claim()).toMatchObject({
      claimed: [
        { id: "b", more: "" },
        { id: "d", more: "" },
        { id: "a", more: facts },
        { id: "c", more: facts },
      ],
    });
  });

  test("leaves one that can expire its turn on the runway", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", at: NOW - 50, overrides: { expireMs: 10 } }, { id: "b", at: NOW - 40 });
    await keyspace.tick(await keyspace.takeShard());
    const { changes } = await keyspace.watch(async () => runNow(keyspace, "a"));
    expect(changes).toMatchObject({ more: { a: `0:0:${NOW}` } });
    expect(changes).not.toHaveProperty("ready:0");
    expect(await keyspace.claim()).toMatchObject({ claimed: [{ id: "a", more: `0:0:${NOW}` }, { id: "b" }] });
  });

  test("keeps the attempts that were used", async () => {
    const keyspace = await setup();
    const fence = await keyspace.lease({ id: "a" });
    await keyspace.settle("retry", "a", fence, 90_000, ERROR);
    const { changes } = await keyspace.watch(async () => runNow(keyspace, "a"));
    expect(changes["more"]).toEqual({ a: `1:0:${NOW}` });
  });
});
