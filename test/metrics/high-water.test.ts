import { expect, it } from "vitest";
import { HighWater } from "../../src/metrics/high-water.ts";

it("does not go back a little, and goes on from where it was", () => {
  const counted = new HighWater();
  expect([100, 99, 50, 100, 101].map((value) => counted.of("q", "dead", value))).toEqual([
    100, 100, 100, 100, 101,
  ]);
});

it("begins anew below half", () => {
  const counted = new HighWater();
  expect([100, 49, 48, 0, 1].map((value) => counted.of("q", "dead", value))).toEqual([100, 49, 49, 0, 1]);
});

it("keeps queues and counters apart", () => {
  const counted = new HighWater();
  counted.of("q", "dead", 100);
  expect(counted.of("q", "failed", 60)).toBe(60);
  expect(counted.of("other", "dead", 70)).toBe(70);
});

it("forgets queues that are gone", () => {
  const counted = new HighWater();
  for (const queue of ["q", "gone"]) counted.of(queue, "dead", 100);
  counted.keep(new Set(["q"]));
  expect(counted.of("q", "dead", 90)).toBe(100);
  expect(counted.of("gone", "dead", 90)).toBe(90);
});
