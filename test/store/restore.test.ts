import { describe, expect, test } from "vitest";
import { encodeHead, encodeRecord } from "../../src/store/codec.ts";
import type { Arg } from "../../src/store/script.ts";
import * as scripts from "../../src/store/scripts.ts";
import { ERROR, NOW, openKeyspace, type Keyspace } from "../support/keyspace.ts";

interface Item {
  readonly id: string;
  readonly addedAtMs?: number;
  readonly dueAtMs?: number;
  readonly priority?: number;
  readonly profile?: number;
  readonly payload?: string;
  readonly place?: string;
  readonly ms?: number;
  readonly changed?: string;
  readonly error?: string;
  readonly result?: string;
}

const items = (...given: Item[]): Arg[] =>
  given.flatMap((item) => {
    const { id, addedAtMs = NOW - 100, dueAtMs = NOW + 50, priority = 0, profile = 1, payload = "{}" } = item;
    const record = encodeRecord(encodeHead(profile, priority, "mail"), { atMs: dueAtMs }, payload);
    const { place = "due", ms = 0, changed = "", error = "", result = "" } = item;
    return [id, addedAtMs, record, place, ms, changed, error, result];
  });

async function setup(isPaused = true): Promise<Keyspace> {
  const keyspace = await openKeyspace();
  if (isPaused) await keyspace.pause();
  return keyspace;
}

const restore = async (keyspace: Keyspace, ...given: Item[]) =>
  await keyspace.run(scripts.restore, {}, items(...given));

const record = {
  profile: 1,
  priority: 0,
  addedAtMs: NOW - 100,
  dueAtMs: NOW + 50,
  name: "mail",
  payload: "{}",
};

describe("restore", () => {
  test("puts tasks of every state where they were, with all that belongs to them", async () => {
    const keyspace = await setup();
    const { reply, changes } = await keyspace.watch(
      async () =>
        await restore(
          keyspace,
          { id: "later", priority: 7 },
          { id: "again", changed: `2:1:${NOW + 900}`, error: ERROR },
          { id: "ready", dueAtMs: NOW - 50 },
          { id: "dead", place: "dead", ms: NOW - 7, changed: `3:0:${NOW - 9}`, error: ERROR },
          { id: "done", place: "done", ms: 300, changed: `1:0:${NOW - 9}`, result: "42" },
        ),
    );
    expect(reply).toEqual({ word: "RESTORED", existed: [] });
    expect(changes).toEqual({
      calls: { c1: NOW },
      ctl: { levels: "70" },
      dead: { dead: NOW - 7 },
      done: { done: NOW + 300 },
      "due:0": { again: NOW + 900, ready: NOW - 50 },
      "due:7": { later: NOW + 50 },
      errors: { again: ERROR, dead: ERROR },
      more: { again: `2:1:${NOW + 900}`, dead: `3:0:${NOW - 9}`, done: `1:0:${NOW - 9}` },
      results: { done: "42" },
      stats: { added: 5, restored: 5, completed: 1 },
      tasks: {
        later: { ...record, priority: 7 },
        again: record,
        ready: { ...record, dueAtMs: NOW - 50 },
        dead: record,
        done: record,
      },
    });
  });

  test("leaves ids that exist as they are, in any state", async () => {
    const keyspace = await openKeyspace();
    await keyspace.bury({ id: "dead" });
    await keyspace.complete({ id: "done" });
    await keyspace.lease({ id: "leased" });
    await keyspace.add({ id: "due", delay: 5 });
    await keyspace.pause();
    const before = await keyspace.snapshot();
    const reply = await restore(
      keyspace,
      ...["dead", "new", "done", "leased", "due", "new"].map((id) => ({ id })),
    );
    expect(reply).toEqual({ word: "RESTORED", existed: [0, 2, 3, 4, 5] });
    expect(await keyspace.changes(before)).toMatchObject({
      "due:0": { new: NOW + 50 },
      stats: { added: 5, restored: 1 },
      tasks: { new: record },
    });
  });

  test("changes nothing when it is sent again, and answers as before", async () => {
    const keyspace = await setup();
    await restore(keyspace, { id: "a" });
    const args = { callId: "once" };
    const reply = await keyspace.run(scripts.restore, args, items({ id: "a" }, { id: "b" }));
    await keyspace.pause(false);
    const { reply: second, changes } = await keyspace.watch(
      async () => await keyspace.run(scripts.restore, args, items({ id: "a" }, { id: "b" })),
    );
    expect(second).toEqual(reply);
    expect(second).toEqual({ word: "RESTORED", existed: [0] });
    expect(changes).toEqual({});
  });

  test("answers a plain call as before too", async () => {
    const keyspace = await setup();
    const send = async () => await keyspace.run(scripts.restore, { callId: "once" }, items({ id: "a" }));
    expect(await send()).toEqual({ word: "RESTORED", existed: [] });
    const { reply, changes } = await keyspace.watch(send);
    expect(reply).toEqual({ word: "RESTORED", existed: [] });
    expect(changes).toEqual({});
  });

  test("does nothing in a queue that runs", async () => {
    const keyspace = await setup(false);
    const { reply, changes } = await keyspace.watch(async () => await restore(keyspace, { id: "a" }));
    expect(reply).toEqual({ word: "RUNNING" });
    expect(changes).toEqual({});
  });

  test("does nothing where a profile or the number of shards is not known", async () => {
    const keyspace = await setup();
    const before = await keyspace.snapshot();
    expect(await restore(keyspace, { id: "a" }, { id: "b", profile: 9 })).toEqual({ word: "NO_PROFILE" });
    expect(await keyspace.run(scripts.restore, { shards: 3 }, items({ id: "a" }))).toEqual({
      word: "NO_PROFILE",
    });
    expect(await keyspace.changes(before)).toEqual({});
  });

  test.each([
    ["place", { place: "leased" }],
    ["time", { ms: Number.NaN }],
    ["time", { addedAtMs: Number.NaN }],
  ])("refuses a wrong %s before it writes anything", async (_, wrong) => {
    const keyspace = await setup();
    const before = await keyspace.snapshot();
    await expect(restore(keyspace, { id: "a" }, { id: "b", ...wrong })).rejects.toMatchObject({
      code: "DELAYQ_REDIS_REFUSED",
    });
    expect(await keyspace.changes(before)).toEqual({});
  });

  test("brings dead tasks back so that they can be requeued, of any level", async () => {
    const keyspace = await setup();
    await restore(keyspace, { id: "a", place: "dead", ms: NOW, priority: 6, error: ERROR });
    expect(await keyspace.run(scripts.requeue, {}, ["a"])).toEqual({
      word: "OUTCOMES",
      outcomes: ["requeued"],
    });
    await keyspace.pause(false);
    expect(await keyspace.claim(1)).toMatchObject({ word: "CLAIMED", claimed: [{ id: "a" }] });
  });

  test("notes large payloads, as add does", async () => {
    const keyspace = await setup();
    await restore(keyspace, { id: "a", payload: JSON.stringify("x".repeat(6000)) });
    expect(await keyspace.redis.hget(keyspace.keys.ctl, "big")).toBe("1");
  });

  test("tells the scheduler of a new head", async () => {
    const keyspace = await setup();
    const heard: string[] = [];
    const listener = keyspace.redis.duplicate();
    await listener.ssubscribe(keyspace.keys.due[0] ?? "");
    listener.on("smessage", (_: string, message: string) => heard.push(message));
    await restore(keyspace, { id: "a", dueAtMs: NOW + 70 }, { id: "b", dueAtMs: NOW + 60 });
    await expect.poll(() => heard).toEqual(["60"]);
    listener.disconnect();
  });
});
