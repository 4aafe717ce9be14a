import { expect, test } from "vitest";
import { inspect, stepFaultsOf, type Picture, type Server } from "./keyspace.js";

const LISTS = 28;
const PLACE = { prefix: "dq", queue: "q", shards: 3 };

/** Answers as an empty shard does. */
const sound: Server = {
  call: async () => [...Array.from({ length: LISTS }, () => []), ["added", "5"], ["7", "3", "s"]],
};

test("keeps the looks at the shards that can be read", async () => {
  const silent: Server = { call: async () => await Promise.reject(new Error("gone")) };
  const servers = [silent, undefined, sound];
  const shards: string[] = [];
  const pictures = await inspect((key) => servers[shards.push(key) - 1], PLACE);
  expect(pictures).toMatchObject([{ shard: 2, counters: { added: 5 }, numbers: { fence: 7, epoch: 3 } }]);
});

test("lets numbers fall only where the shard's own master failed over in between", () => {
  const other: Server = { ...sound };
  const picture = (redis: Server, sentT: number, fence: number): Picture => ({
    shard: 1,
    redis,
    sentT,
    t: sentT + 5,
    numbers: { fence },
    counters: {},
  });
  const fallsOn = (redis: Server, fault: object) => {
    const [before, after] = [picture(sound, 100, 9), picture(redis, 900, 8)];
    return stepFaultsOf(before, after, [{ kind: "failover", startT: 300, endT: 700, ...fault }]);
  };
  expect(fallsOn(other, {})).toEqual([]);
  expect(fallsOn(other, { shards: [1, 2] })).toEqual([]);
  const wentBack = [{ kind: "went back", count: 1, text: "shard 1: fence from 9 to 8" }];
  expect(fallsOn(sound, {})).toEqual(wentBack);
  expect(fallsOn(other, { shards: [0, 2] })).toEqual(wentBack);
  expect(fallsOn(other, { kind: "slots" })).toEqual(wentBack);
  expect(fallsOn(other, { startT: 950, endT: Infinity })).toEqual(wentBack);
});
