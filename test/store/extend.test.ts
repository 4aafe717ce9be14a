import { describe, expect, test } from "vitest";
import * as scripts from "../../src/store/scripts.ts";
import { NOW, openKeyspace, type Keyspace, type Seed } from "../support/keyspace.ts";

/** A queue in which w1 holds leases of 1 s. */
async function setup(...seeds: Seed[]): Promise<{ keyspace: Keyspace; fence: string }> {
  const keyspace = await openKeyspace();
  return { keyspace, fence: await keyspace.lease(...seeds) };
}

const extend = async (keyspace: Keyspace, ...items: string[]) =>
  await keyspace.run(scripts.extend, { leaseMs: 3000 }, items);

describe("extend", () => {
  test("gives leases a new deadline", async () => {
    const { keyspace, fence } = await setup({ id: "a" }, { id: "b" });
    keyspace.advance(600);
    const { reply, changes } = await keyspace.watch(async () => extend(keyspace, "a", fence));
    expect(reply).toEqual({ word: "EXTENDED", lost: [] });
    expect(changes).toEqual({ leased: { a: NOW + 3600 } });
  });

  test("tells which leases are lost and does not touch them", async () => {
    const { keyspace, fence } = await setup({ id: "a" }, { id: "b" }, { id: "c" });
    await keyspace.run(scripts.cancel, {}, ["a", 1]);
    const other = String(Number(fence) + 1);
    const { reply, changes } = await keyspace.watch(async () =>
      extend(keyspace, "a", fence, "b", other, "c", fence, "nobody", fence),
    );
    expect(reply.lost).toEqual([0, 1, 3]);
    expect(changes).toEqual({ leased: { c: NOW + 3000 } });
  });

  test("does not give a lease back that expired and was reaped", async () => {
    const { keyspace, fence } = await setup({ id: "a", overrides: { attempts: 3 } });
    keyspace.advance(1000);
    await keyspace.tick(await keyspace.takeShard());
    expect(await extend(keyspace, "a", fence)).toMatchObject({ lost: [0] });
  });

  test("rescues a lease that is over but was not reaped yet", async () => {
    const { keyspace, fence } = await setup({ id: "a" });
    keyspace.advance(1500);
    expect(await extend(keyspace, "a", fence)).toMatchObject({ lost: [] });
    expect(await keyspace.tick(await keyspace.takeShard())).toMatchObject({ recovered: 0, buried: 0 });
  });

  test("sent again, sets the same deadlines", async () => {
    const { keyspace, fence } = await setup({ id: "a" });
    await extend(keyspace, "a", fence);
    const { reply, changes } = await keyspace.watch(async () => extend(keyspace, "a", fence));
    expect(reply.lost).toEqual([]);
    expect(changes).toEqual({});
  });

  test("takes 1000 leases in one call", async () => {
    const keyspace = await openKeyspace();
    const seeds = Array.from({ length: 1000 }, (_, i) => ({ id: `t${i}` }));
    for (let at = 0; at < seeds.length; at += 200) await keyspace.add(...seeds.slice(at, at + 200));
    const claimed = await keyspace.claim(1000);
    if (claimed.word !== "CLAIMED") throw new Error(claimed.word);
    const reply = await extend(keyspace, ...seeds.flatMap(({ id }) => [id, claimed.fence]));
    expect(reply.lost).toEqual([]);
  });
});
