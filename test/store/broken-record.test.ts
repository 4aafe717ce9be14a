import { describe, expect, test } from "vitest";
import * as scripts from "../../src/store/scripts.ts";
import { BROKEN_PRIORITY, BROKEN_RECORDS, NEWER_RECORD } from "../support/broken-records.ts";
import { ERROR, openKeyspace, type Keyspace, type Seed } from "../support/keyspace.ts";

/*
 * Somebody else has written into the hash of records. Whatever the bytes are, no script fails because of them: the calls are
 * about a task that is well, too, and that must fare as ever.
 */
const CASES = [...BROKEN_RECORDS, ["a newer release", NEWER_RECORD] as const];

/** A task that is well and one that will not be, of the same priority. */
const seeds = (seed: Partial<Seed> = {}): [Seed, Seed] => [
  { ...seed, id: "bad", priority: BROKEN_PRIORITY },
  { ...seed, id: "good", priority: BROKEN_PRIORITY },
];

const spoil = async ({ redis, keys }: Keyspace, record: Buffer): Promise<void> =>
  void (await redis.hset(keys.tasks, "bad", record));

async function claimedIds(keyspace: Keyspace, worker = "w2"): Promise<string[]> {
  const reply = await keyspace.claim(10, worker);
  return reply.word === "CLAIMED" ? reply.claimed.map(({ id }) => id).toSorted() : [];
}

describe.each(CASES)("a record that holds %s", (_, record) => {
  test("is put back with others when its lease expires, and is claimed again", async () => {
    const keyspace = await openKeyspace({ defaults: { attempts: 3 } });
    await keyspace.lease(...seeds());
    await spoil(keyspace, record);
    keyspace.advance(1000);
    expect(await keyspace.tick(await keyspace.takeShard())).toMatchObject({ recovered: 2, buried: 0 });
    expect(await claimedIds(keyspace)).toEqual(["bad", "good"]);
  });

  test.each(["retry", "bury", "keep", "release", "postpone", "expire"])(
    "is settled with others: %s",
    async (outcome) => {
      const keyspace = await openKeyspace();
      const [bad, good] = seeds();
      const fence = await keyspace.lease(bad, good, { id: "acked", priority: BROKEN_PRIORITY });
      await spoil(keyspace, record);
      const text = outcome === "retry" || outcome === "bury" ? ERROR : outcome === "keep" ? "1" : "";
      const items = ["bad", "good"].flatMap((id) => [outcome, id, fence, 10, text]);
      const reply = await keyspace.run(scripts.settle, { acks: 1 }, [fence, 1, "acked", ...items]);
      expect(reply.refused).toEqual([]);
      keyspace.advance(10);
      const goesOn = ["retry", "release", "postpone"].includes(outcome);
      expect(await claimedIds(keyspace)).toEqual(goesOn ? ["bad", "good"] : []);
    },
  );

  test.each(["due", "runway"])("can be looked at with others, and changed: %s", async (place) => {
    const change = async (script: "runNow" | "update" | "reschedule" | "cancel", ...args: string[]) => {
      const keyspace = await openKeyspace({ defaults: { expireMs: 60_000 } });
      await keyspace.add(...seeds());
      if (place === "runway") await keyspace.tick(await keyspace.takeShard());
      await spoil(keyspace, record);
      const stored = await keyspace.store.get(keyspace.keys, ["bad", "good"]);
      expect(stored.map(({ state }) => state)).toEqual(["ready", "ready"]);
      const page = await keyspace.store.walk(keyspace.keys, { cursor: "0", server: "" }, 10);
      expect(page).toMatchObject({ word: "PAGE", walked: { length: 2 } });
      expect(await keyspace.store.lookShard(keyspace.keys, 1000)).toMatchObject({ ready: 2 });
      const outcomes = await keyspace.store[script](
        keyspace.keys,
        ["bad", "good"].flatMap((id) => [id, ...args]),
      );
      return { outcomes, left: await claimedIds(keyspace) };
    };
    const both = { left: ["bad", "good"] };
    expect(await change("runNow")).toEqual({ ...both, outcomes: ["due", "due"] });
    expect(await change("reschedule", "+0")).toEqual({ ...both, outcomes: ["rescheduled", "rescheduled"] });
    expect(await change("cancel", "0")).toEqual({ left: [], outcomes: ["cancelled", "cancelled"] });
    const updated = await change("update", "[1]");
    expect(updated).toMatchObject(both);
    expect(updated.outcomes[1]).toBe("updated");
  });

  test("is requeued with others, and purged", async () => {
    const keyspace = await openKeyspace();
    await keyspace.bury(...seeds());
    await spoil(keyspace, record);
    expect(await keyspace.store.requeue(keyspace.keys, ["bad", "good"])).toEqual(["requeued", "requeued"]);
    expect(await claimedIds(keyspace)).toEqual(["bad", "good"]);

    const other = await openKeyspace();
    await other.bury(...seeds());
    await spoil(other, record);
    expect(await other.store.purge(other.keys, ["bad", "good"])).toEqual(["purged", "purged"]);
  });
});

test("what cannot be read here is not updated: it may be of a newer release", async () => {
  const keyspace = await openKeyspace();
  await keyspace.add(...seeds());
  await spoil(keyspace, NEWER_RECORD);
  expect(await keyspace.store.update(keyspace.keys, ["bad", "[1]"])).toEqual(["missing"]);
  expect(await keyspace.redis.hgetBuffer(keyspace.keys.tasks, "bad")).toEqual(NEWER_RECORD);
});
