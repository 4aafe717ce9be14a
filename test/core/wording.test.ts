import { expect, test } from "vitest";
import { counted, shortDuration } from "../../src/core/wording.ts";

test.each([
  [0, "0ms"],
  [0.3, "1ms"],
  [999, "999ms"],
  [1000, "1.0s"],
  [9949, "9.9s"],
  [10_000, "10s"],
  [61_000, "1m 1s"],
  [120_000, "2m"],
  [3_600_000, "1h"],
  [27 * 3_600_000 + 59_000, "1d 3h"],
])("says %i ms as %s", (ms, text) => {
  expect(shortDuration(ms)).toBe(text);
});

test("counts one and many", () => {
  expect([counted(0, "task"), counted(1, "task"), counted(1234, "task")]).toEqual([
    "0 tasks",
    "1 task",
    "1,234 tasks",
  ]);
});
