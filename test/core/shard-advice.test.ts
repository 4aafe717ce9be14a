import { expect, test } from "vitest";
import { shardAdvice } from "../../src/core/shard-advice.ts";

test("says nothing of shards that move quickly", () => {
  expect(shardAdvice("q", [])).toBeUndefined();
  expect(shardAdvice("q", [0, 200_000])).toBeUndefined();
});

test("says which are too large, what it costs, and what to do", () => {
  expect(shardAdvice("q", [100, 200_001, 400_000, 5])).toBe(
    "2 of the 4 shards of queue q hold more than 200,000 tasks, the largest 400,000: when its slot moves to another master, " +
      "the old one stands still for about 1.6 s. Move slots while there are fewer tasks, or make the queue anew with 8 shards.",
  );
});
