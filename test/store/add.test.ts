import { describe, expect, test } from "vitest";
import * as scripts from "../../src/store/scripts.ts";
import { addItems, NOW, openKeyspace, type Keyspace, type KeyspaceOptions } from "../support/keyspace.ts";

const setup = async (options?: KeyspaceOptions): Promise<Keyspace> => await openKeyspace(options);
const record = { profile: 1, priority: 0, addedAtMs: NOW, dueAtMs: NOW, name: "mail", payload: "{}" };

describe("add", () => {
  test("puts a task into the due set of its level, with its times by the Redis clock", async () => {
    const keyspace = await setup();
    const { reply, changes } = await keyspace.watch(async () =>
      keyspace.add({ id: "a", delay: 500 }, { id: "b", at: NOW + 7, priority: 3, payload: '{"to":"é"}' }),
    );
    expect(reply).toEqual({ word: "ADDED", nowMs: NOW, held: 2, existed: [] });
    expect(changes).toEqual({
      "due:0": { a: NOW + 500 },
      "due:3": { b: NOW + 7 },
      tasks: {
        a: { ...record, dueAtMs: NOW + 500 },
        b: { ...record, dueAtMs: NOW + 7, priority: 3, payload: '{"to":"é"}' },
      },
      ctl: { levels: "30" },
      stats: { added: 2 },
      calls: { c1: NOW },
    });
  });

  test("keeps the levels in use sorted, highest first", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", priority: 4 });
    await keyspace.add({ id: "b", priority: 9 }, { id: "c", priority: 0 }, { id: "d", priority: 4 });
    expect(await keyspace.store.levels(keyspace.keys)).toEqual([9, 4, 0]);
  });

  test("takes a due time at each end of delayq's time", async () => {
    const keyspace = await setup();
    const last = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
    await keyspace.add({ id: "first", at: 0 }, { id: "last", at: last }, { id: "later", delay: last });
    const { "due:0": due, tasks } = await keyspace.snapshot();
    expect(due).toEqual({ first: 0, last, later: NOW + last });
    expect(tasks).toMatchObject({ first: { dueAtMs: 0 }, last: { dueAtMs: last } });
    expect(tasks).toMatchObject({ later: { dueAtMs: NOW + last } });
  });

  test("leaves a task alone whose id exists, wherever that is, and says which", async () => {
    const keyspace = await setup();
    await keyspace.bury({ id: "dead" });
    await keyspace.complete({ id: "done" });
    await keyspace.lease({ id: "leased" });
    await keyspace.add({ id: "delayed", delay: 10 }, { id: "ready" });
    await keyspace.tick(await keyspace.takeShard());
    const { reply, changes } = await keyspace.watch(async () =>
      keyspace.add(
        { id: "delayed", payload: "1" },
        { id: "ready", payload: "1" },
        { id: "leased", payload: "1" },
        { id: "dead", payload: "1" },
        { id: "done", payload: "1" },
      ),
    );
    expect(reply).toEqual({ word: "ADDED", nowMs: NOW, held: 5, existed: [0, 1, 2, 3, 4] });
    expect(Object.keys(changes)).toEqual(["answers", "calls"]);
  });

  test("adds an id that comes twice in one call once, and says that the second existed", async () => {
    const keyspace = await setup();
    const reply = await keyspace.add({ id: "a", payload: "1" }, { id: "a", payload: "2" });
    expect(reply).toEqual({ word: "ADDED", nowMs: NOW, held: 1, existed: [1] });
    expect(await keyspace.snapshot()).toMatchObject({
      tasks: { a: { payload: "1" } },
      stats: { added: 1 },
    });
  });

  test("sent again, adds nothing and answers as before", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "old" });
    const items = addItems([{ id: "new" }, { id: "old" }]);
    const send = async () => await keyspace.run(scripts.add, { callId: "x", profile: 1 }, items);
    const first = await send();
    expect(first).toEqual({ word: "ADDED", nowMs: NOW, held: 2, existed: [1] });
    keyspace.advance(50);
    const { reply, changes } = await keyspace.watch(send);
    expect(reply).toEqual(first);
    expect(changes).toEqual({});
  });

  test("sent again after its tasks have completed, still answers that it added them", async () => {
    const keyspace = await setup();
    const send = async () =>
      await keyspace.run(scripts.add, { callId: "x", profile: 1 }, addItems([{ id: "a" }]));
    const first = await send();
    const claimed = await keyspace.claim();
    if (claimed.word !== "CLAIMED") throw new Error(claimed.word);
    await keyspace.run(scripts.settle, { acks: 1 }, [claimed.fence, 1, "a"]);
    const { reply, changes } = await keyspace.watch(send);
    expect(reply).toEqual({ ...first, held: 0 });
    expect(changes).toEqual({});
  });

  test("refuses a profile that the shard does not know yet, and changes nothing", async () => {
    const keyspace = await setup();
    const { reply, changes } = await keyspace.watch(async () =>
      keyspace.run(scripts.add, { profile: 2 }, addItems([{ id: "a", profile: 2 }])),
    );
    expect(reply).toEqual({ word: "NO_PROFILE" });
    expect(changes).toEqual({});
  });

  test("refuses a queue that is not there, and leaves nothing behind", async () => {
    const keyspace = await setup({ isRegistered: false });
    expect(await keyspace.add({ id: "a" })).toEqual({ word: "NO_PROFILE" });
    expect(await keyspace.snapshot()).toEqual({});
  });

  test("remembers that a payload was large, so that claims count bytes from then on", async () => {
    const keyspace = await setup();
    const large = JSON.stringify("x".repeat(6000));
    const { changes } = await keyspace.watch(async () => keyspace.add({ id: "a", payload: large }));
    expect(changes["ctl"]).toEqual({ levels: "0", big: "1" });
    const again = await keyspace.watch(async () => keyspace.add({ id: "a" }, { id: "b" }));
    expect(again.reply).toMatchObject({ existed: [0] });
    expect(again.changes["ctl"]).toBeUndefined();
  });

  test("takes 200 tasks in one call", async () => {
    const keyspace = await setup();
    const seeds = Array.from({ length: 200 }, (_, i) => ({ id: `t${i}`, delay: i, priority: i % 10 }));
    expect(await keyspace.add(...seeds)).toMatchObject({ existed: [] });
    expect(await keyspace.run(scripts.counts)).toMatchObject({ delayed: 199, ready: 1 });
  });
});
