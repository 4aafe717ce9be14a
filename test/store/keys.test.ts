import calculateSlot from "cluster-key-slot";
import { describe, expect, test } from "vitest";
import { headChannel, memberFactsKey, membersKey, shardKeys, wakeChannel } from "../../src/store/keys.ts";

const SLOTS = 16_384;
const namespace = { prefix: "dq", queue: "mails" };

describe("the keys of a shard", () => {
  test("are 34, each of its own name", () => {
    const { keys } = shardKeys(namespace, 3, 16);
    expect(keys).toHaveLength(34);
    expect(new Set(keys).size).toBe(34);
  });

  test("lie in one slot, and its channels with them", () => {
    const keys = shardKeys(namespace, 3, 16);
    const all = [...keys.keys, headChannel(keys), wakeChannel(keys, "w1")];
    expect(new Set(all.map((key) => calculateSlot(key))).size).toBe(1);
  });

  test.each([1, 3, 16, 100])("fall into equal bands of slots, one a shard, of %i", (shards) => {
    for (let shard = 0; shard < shards; shard++) {
      const slot = calculateSlot(shardKeys(namespace, shard, shards).tasks);
      expect(Math.floor((slot * shards) / SLOTS)).toBe(shard);
    }
  });

  test("are the same however often they are made", () => {
    expect(shardKeys(namespace, 5, 16)).toEqual(shardKeys(namespace, 5, 16));
  });

  test("of the members lie in one slot too", () => {
    expect(calculateSlot(memberFactsKey("dq"))).toBe(calculateSlot(membersKey("dq")));
  });
});
