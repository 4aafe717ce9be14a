import { describe, expect, test } from "vitest";
import { within } from "../../src/store/queue-store.ts";
import * as scripts from "../../src/store/scripts.ts";
import { openKeyspace } from "../support/keyspace.ts";

describe("a reply", () => {
  test("of a word that is not known is refused, with the words that are", () => {
    expect(() => scripts.takeShard.decode(["GIVEN", "1"])).toThrow(
      expect.objectContaining({
        code: "DELAYQ_NEWER_FORMAT",
        message: "Expected the script take-shard to reply TAKEN or HELD or NO_QUEUE, got GIVEN.",
      }),
    );
  });

  test("that is none is refused", () => {
    expect(() => scripts.takeShard.decode(null)).toThrow(/got undefined/);
  });
});

describe("a script", () => {
  test("is sent as text to a Redis that does not know it", async () => {
    const keyspace = await openKeyspace();
    await keyspace.redis.script("FLUSH");
    expect(await keyspace.add({ id: "a" })).toMatchObject({ word: "ADDED" });
    expect(await keyspace.redis.script("EXISTS", scripts.add.source.sha1)).toEqual([1]);
  });

  test("runs by the clock of Redis where no time is given", async () => {
    const keyspace = await openKeyspace();
    const args = { nowMs: 0, scheduler: "s1", seenEpoch: 0 };
    const reply = await keyspace.connection.call(scripts.takeShard, keyspace.keys, args, [], within());
    const [seconds] = await keyspace.redis.time();
    expect(reply).toMatchObject({ word: "TAKEN" });
    if (reply.word === "TAKEN") expect(Number(reply.epoch) / 1e6).toBeCloseTo(Number(seconds), -1);
  });
});

describe("call ids", () => {
  test("are all different, also between two stores", async () => {
    const [one, other] = [await openKeyspace(), await openKeyspace()];
    const ids = [one, other, one].map(({ store }) => store.nextCallId());
    expect(new Set(ids).size).toBe(3);
  });
});
