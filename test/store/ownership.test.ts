import { describe, expect, test } from "vitest";
import * as scripts from "../../src/store/scripts.ts";
import { GONE, microseconds, NOW, openKeyspace, type Keyspace } from "../support/keyspace.ts";

const setup = async (isRegistered = true): Promise<Keyspace> => await openKeyspace({ isRegistered });
const take = async (keyspace: Keyspace, scheduler: string, seenEpoch: string) =>
  await keyspace.run(scripts.takeShard, { scheduler, seenEpoch });

describe("take-shard", () => {
  test("makes a scheduler the owner under a new epoch", async () => {
    const keyspace = await setup();
    const { reply, changes } = await keyspace.watch(async () => take(keyspace, "s1", "0"));
    expect(reply).toEqual({ word: "TAKEN", epoch: microseconds(NOW) });
    expect(changes).toEqual({ seq: { epoch: microseconds(NOW), owner: "s1" } });
  });

  test("takes the shard from another owner whose epoch was seen, under a greater one", async () => {
    const keyspace = await setup();
    await take(keyspace, "s1", "0");
    keyspace.advance(-5000);
    const reply = await take(keyspace, "s2", microseconds(NOW));
    expect(reply).toEqual({ word: "TAKEN", epoch: String(NOW * 1000 + 1) });
  });

  test("tells the later of two that try at once who has it, and changes nothing", async () => {
    const keyspace = await setup();
    await take(keyspace, "s1", "0");
    const { reply, changes } = await keyspace.watch(async () => take(keyspace, "s2", "0"));
    expect(reply).toEqual({ word: "HELD", epoch: microseconds(NOW), owner: "s1" });
    expect(changes).toEqual({});
  });

  test("sent again, changes nothing and names the caller as the owner", async () => {
    const keyspace = await setup();
    await take(keyspace, "s1", "0");
    const { reply, changes } = await keyspace.watch(async () => take(keyspace, "s1", "0"));
    expect(reply).toEqual({ word: "HELD", epoch: microseconds(NOW), owner: "s1" });
    expect(changes).toEqual({});
  });

  test("of a queue that is not there leaves nothing behind", async () => {
    const keyspace = await setup(false);
    expect(await take(keyspace, "s1", "0")).toEqual({ word: "NO_QUEUE" });
    expect(await keyspace.snapshot()).toEqual({});
  });
});

describe("leave-shard", () => {
  test("gives the shard up, and keeps its epoch", async () => {
    const keyspace = await setup();
    const epoch = await keyspace.takeShard("s1");
    const { reply, changes } = await keyspace.watch(async () =>
      keyspace.run(scripts.leaveShard, { member: "s1" }),
    );
    expect(reply).toEqual({ word: "LEFT" });
    expect(changes).toEqual({ seq: { owner: GONE } });
    expect(await take(keyspace, "s2", "0")).toEqual({ word: "HELD", epoch, owner: "" });
    expect(await take(keyspace, "s2", epoch)).toMatchObject({ word: "TAKEN" });
  });

  test("by a scheduler that is not the owner any more changes nothing", async () => {
    const keyspace = await setup();
    await keyspace.takeShard("s1");
    await keyspace.takeShard("s2");
    const { changes } = await keyspace.watch(async () => keyspace.run(scripts.leaveShard, { member: "s1" }));
    expect(changes).toEqual({});
  });

  test("forgets a worker: its claims and its waiting, not its leases", async () => {
    const keyspace = await setup();
    await keyspace.lease({ id: "a" });
    await keyspace.claim(1);
    const leave = async () => await keyspace.run(scripts.leaveShard, { member: "w1" });
    const { changes } = await keyspace.watch(leave);
    expect(changes).toEqual({
      calls: { w1: GONE },
      answers: { w1: GONE },
      waiting: { w1: GONE },
    });
    const again = await keyspace.watch(leave);
    expect(again.reply).toEqual({ word: "LEFT" });
    expect(again.changes).toEqual({});
  });
});
