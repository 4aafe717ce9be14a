import { describe, expect, test } from "vitest";
import * as scripts from "../../src/store/scripts.ts";
import { NOW, openKeyspace, type Keyspace } from "../support/keyspace.ts";

const setup = async (): Promise<Keyspace> => await openKeyspace();
const update = async (keyspace: Keyspace, ...items: string[]) =>
  await keyspace.run(scripts.update, {}, items);
const noted = { calls: { c2: NOW } };

describe("update", () => {
  test("changes the payload of a task and nothing else of its record", async () => {
    const keyspace = await setup();
    const name = "ü€😀".repeat(28) + "1234";
    const overrides = {
      attempts: 7,
      backoff: { type: "fixed", delay: 1, maxDelayMs: 2, jitter: 0 },
    } as const;
    await keyspace.add({ id: "a", name, overrides, priority: 9, delay: 60, payload: '{"was":"é"}' });
    const before = await keyspace.snapshot();
    const { reply, changes } = await keyspace.watch(async () => update(keyspace, "a", '{"is":"😀"}'));
    expect(reply).toEqual({ word: "OUTCOMES", outcomes: ["updated"] });
    const was = (before["tasks"] as Record<string, object>)["a"];
    expect(was).toMatchObject({ name, overrides, priority: 9, payload: '{"was":"é"}' });
    expect(changes).toEqual({ tasks: { a: { ...was, payload: '{"is":"😀"}' } }, ...noted });
  });

  test("changes the payload of a task on the runway and of a dead one", async () => {
    const keyspace = await setup();
    await keyspace.bury({ id: "dead" });
    await keyspace.add({ id: "ready" });
    await keyspace.tick(await keyspace.takeShard());
    await update(keyspace, "dead", "1", "ready", "2");
    expect(await keyspace.snapshot()).toMatchObject({
      tasks: { dead: { payload: "1" }, ready: { payload: "2" } },
      dead: { dead: NOW },
      "ready:0": ["ready"],
    });
  });

  test("makes a payload empty, shorter and longer, byte by byte", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", payload: '"12345"', overrides: { attempts: 2 } });
    for (const payload of ["0", '""', JSON.stringify("é".repeat(100)), "{}"]) {
      await update(keyspace, "a", payload);
      expect(await keyspace.snapshot()).toMatchObject({
        tasks: { a: { payload, overrides: { attempts: 2 } } },
      });
    }
  });

  test("remembers that a payload is large now, so that claims count bytes", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", delay: 60 });
    const { changes } = await keyspace.watch(async () =>
      update(keyspace, "a", JSON.stringify("x".repeat(6000))),
    );
    expect(changes["ctl"]).toEqual({ big: "1" });
  });

  test("counts the whole record, as an add does", async () => {
    const keyspace = await setup();
    await keyspace.add({ id: "a", name: "n".repeat(100), delay: 60 });
    const fits = JSON.stringify("x".repeat(1900 - 119 - 2));
    expect((await keyspace.watch(async () => update(keyspace, "a", fits))).changes).not.toHaveProperty("ctl");
    const { changes } = await keyspace.watch(async () => update(keyspace, "a", `${fits} `));
    expect(changes["ctl"]).toEqual({ big: "1" });
  });

  test("is refused for a running task, whose handler has its payload already", async () => {
    const keyspace = await setup();
    await keyspace.lease({ id: "a" });
    const { reply, changes } = await keyspace.watch(async () => update(keyspace, "a", "1"));
    expect(reply.outcomes).toEqual(["leased"]);
    expect(Object.keys(changes)).toEqual(["answers", "calls"]);
  });
});
