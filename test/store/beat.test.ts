import { describe, expect, test } from "vitest";
import { MemberStore, type MemberFacts } from "../../src/store/member-store.ts";
import { within } from "../../src/store/queue-store.ts";
import { GONE, NOW, openKeyspace, type Keyspace } from "../support/keyspace.ts";

const facts = (host: string): MemberFacts => ({ role: "worker", queues: ["mails"], host, pid: 1 });
const TTL_MS = 3000;

interface Bundle {
  readonly keyspace: Keyspace;
  readonly beat: (
    member: string,
    generation?: string,
    ttlMs?: number,
    host?: string,
  ) => ReturnType<MemberStore["beat"]>;
}

async function setup(): Promise<Bundle> {
  const keyspace = await openKeyspace({ isRegistered: false });
  const store = new MemberStore(keyspace.connection, keyspace.prefix, () => String(keyspace.nowMs));
  return {
    keyspace,
    beat: async (member, generation = "0", ttlMs = TTL_MS, host = "h1") =>
      await store.beat(member, facts(host), ttlMs, generation, within()),
  };
}

const idsOf = (reply: Awaited<ReturnType<MemberStore["beat"]>>): string[] =>
  (reply?.members ?? []).map(({ id }) => id).toSorted();

describe("beat", () => {
  test("makes a member known, with its facts, until its time runs out", async () => {
    const { keyspace, beat } = await setup();
    expect(await beat("m1")).toEqual({ generation: "1", members: [{ id: "m1", ...facts("h1") }] });
    expect(await keyspace.snapshot()).toEqual({
      members: { m1: NOW + TTL_MS },
      facts: { m1: JSON.stringify(facts("h1")), generation: "1" },
    });
  });

  test("sent again, changes nothing and answers as before", async () => {
    const { keyspace, beat } = await setup();
    const first = await beat("m1");
    const { reply, changes } = await keyspace.watch(async () => beat("m1"));
    expect(reply).toEqual(first);
    expect(changes).toEqual({});
  });

  test("says who lives only to whom does not know it", async () => {
    const { keyspace, beat } = await setup();
    await beat("m1");
    keyspace.advance(1000);
    const { reply, changes } = await keyspace.watch(async () => beat("m1", "1"));
    expect(reply).toBeUndefined();
    expect(changes).toEqual({ members: { m1: NOW + 1000 + TTL_MS } });
    expect(idsOf(await beat("m2"))).toEqual(["m1", "m2"]);
    expect(await beat("m1", "1")).toMatchObject({ generation: "2" });
  });

  test("takes out whoever missed its time, under a new generation", async () => {
    const { keyspace, beat } = await setup();
    await beat("m1");
    keyspace.advance(1);
    await beat("m2");
    keyspace.advance(TTL_MS - 2);
    expect(await beat("m2", "2")).toBeUndefined();
    keyspace.advance(1);
    const { reply, changes } = await keyspace.watch(async () => beat("m2", "2"));
    expect(reply).toMatchObject({ generation: "3", members: [{ id: "m2" }] });
    expect(changes).toEqual({
      members: { m1: GONE, m2: NOW + 2 * TTL_MS },
      facts: { m1: GONE, generation: "3" },
    });
  });

  test("keeps a member that missed its time and was not taken out", async () => {
    const { keyspace, beat } = await setup();
    await beat("m1");
    keyspace.advance(9 * TTL_MS);
    expect(await beat("m1", "1")).toBeUndefined();
  });

  test("takes out a member whose time lies further ahead than any may", async () => {
    const { keyspace, beat } = await setup();
    keyspace.advance(90_000);
    await beat("m1");
    keyspace.advance(-90_000);
    expect(idsOf(await beat("m2"))).toEqual(["m2"]);
  });

  test("of no time is a farewell, and a second one changes nothing", async () => {
    const { keyspace, beat } = await setup();
    await beat("m1");
    await beat("m2");
    const { reply, changes } = await keyspace.watch(async () => beat("m1", "2", 0));
    expect(idsOf(reply)).toEqual(["m2"]);
    expect(changes).toEqual({ members: { m1: GONE }, facts: { m1: GONE, generation: "3" } });
    const again = await keyspace.watch(async () => beat("m1", "3", 0));
    expect(again.reply).toBeUndefined();
    expect(again.changes).toEqual({});
  });

  test("with other facts makes a new generation", async () => {
    const { beat } = await setup();
    await beat("m1");
    expect(await beat("m1", "1", TTL_MS, "h2")).toEqual({
      generation: "2",
      members: [{ id: "m1", ...facts("h2") }],
    });
  });
});
