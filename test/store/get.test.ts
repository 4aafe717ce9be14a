import { describe, expect, test } from "vitest";
import { decodeFacts, decodeLease, decodeRecord } from "../../src/store/codec.ts";
import { viewOf } from "../../src/store/task-view.ts";
import { ERROR, NOW, openKeyspace, type Keyspace } from "../support/keyspace.ts";

const setup = async (): Promise<Keyspace> => await openKeyspace();

async function viewIn(keyspace: Keyspace, id: string) {
  const [stored] = await keyspace.store.get(keyspace.keys, [id]);
  return stored && viewOf("mails", 0, id, stored);
}

const view = {
  queue: "mails",
  shard: 0,
  id: "a",
  name: "mail",
  data: {},
  dueAtMs: NOW,
  addedAtMs: NOW,
  attempt: 0,
  priority: 0,
};

describe("get", () => {
  test("tells a task that is due later from one that is due", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", delay: 10, priority: 6, payload: '{"to":"é"}' });
    const task = { ...view, priority: 6, dueAtMs: NOW + 10, data: { to: "é" } };
    expect(await viewIn(keyspace, "a")).toEqual({ ...task, state: "delayed" });
    keyspace.advance(10);
    expect(await viewIn(keyspace, "a")).toEqual({ ...task, state: "ready" });
    await keyspace.tick(await keyspace.takeShard());
    expect(await viewIn(keyspace, "a")).toEqual({ ...task, state: "ready" });
  });

  test("shows a running task with its lease, and the attempt that runs", async () => {
    const keyspace = await setup();
    const fence = await keyspace.lease({ id: "a" });
    expect(await viewIn(keyspace, "a")).toEqual({
      ...view,
      state: "leased",
      attempt: 1,
      startedAtMs: NOW,
      fence: Number(fence),
    });
  });

  test("shows a failed task with its error, its attempts and its new due time", async () => {
    const keyspace = await setup();
    const fence = await keyspace.lease({ id: "a" });
    await keyspace.settle("retry", "a", fence, 30, ERROR);
    expect(await viewIn(keyspace, "a")).toEqual({
      ...view,
      state: "delayed",
      attempt: 1,
      dueAtMs: NOW + 30,
      error: { name: "Error", message: "no" },
    });
  });

  test("shows a dead task with its error, a done one with its result", async () => {
    const keyspace = await setup();
    await keyspace.bury({ id: "dead" });
    await keyspace.complete({ id: "done" });
    expect(await viewIn(keyspace, "dead")).toEqual({
      ...view,
      id: "dead",
      state: "dead",
      attempt: 1,
      error: { name: "Error", message: "no" },
    });
    expect(await viewIn(keyspace, "done")).toEqual({
      ...view,
      id: "done",
      state: "done",
      attempt: 1,
      result: 42,
    });
  });

  test("answers for an id that is not there", async () => {
    const keyspace = await setup();
    expect(await viewIn(keyspace, "nobody")).toBeUndefined();
  });

  test("hands over what is stored of each of many, in their order, and changes nothing", async () => {
    const keyspace = await setup();
    const fence = await keyspace.lease({ id: "é", name: "😀" });
    await keyspace.add({ id: "b", overrides: { attempts: 5 }, payload: "[2]" });
    const { reply, changes } = await keyspace.watch(async () =>
      keyspace.store.get(keyspace.keys, ["b", "nobody", "é"]),
    );
    expect(changes).toEqual({});
    expect(reply.map(({ state }) => state)).toEqual(["ready", "missing", "leased"]);
    const [b, , leased] = reply;
    expect(b && decodeRecord(b.record)).toMatchObject({ overrides: { attempts: 5 }, payload: "[2]" });
    expect(leased && decodeRecord(leased.record).name).toBe("😀");
    expect(leased && decodeLease(leased.lease)).toEqual({
      fence: Number(fence),
      startedAtMs: NOW,
      worker: "w1",
    });
    expect(decodeFacts("")).toEqual({ attempts: 0, deaths: 0, dueAtMs: 0 });
  });

  test("ends before the record that would pass 384 KiB", async () => {
    const keyspace = await setup();
    const payload = JSON.stringify("x".repeat(150_000));
    for (const id of ["a", "b", "c"]) await keyspace.add({ id, payload });
    const stored = await keyspace.store.get(keyspace.keys, ["a", "b", "c"]);
    expect(stored).toHaveLength(2);
  });

  test("hands over one record that is larger than 384 KiB by itself", async () => {
    const keyspace = await setup();
    const payload = JSON.stringify("x".repeat(1_200_000));
    for (const id of ["a", "b"]) await keyspace.add({ id, payload });
    expect(await keyspace.store.get(keyspace.keys, ["a", "b"])).toHaveLength(1);
  });
});
