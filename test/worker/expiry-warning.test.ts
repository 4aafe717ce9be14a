import { pino } from "pino";
import { expect, test } from "vitest";
import { ExpiryWarning } from "../../src/worker/expiry-warning.ts";

test("says at once that tasks expired, then at most once a minute, and counts each of them once", () => {
  const said: unknown[] = [];
  const logger = pino(
    { level: "warn" },
    {
      write: (line) => {
        const { level, queue, expired, lagMaxMs } = JSON.parse(line) as Record<string, unknown>;
        said.push([level, queue, expired, lagMaxMs]);
      },
    },
  );
  let nowMs = 0;
  const warning = new ExpiryWarning(logger, "q", () => nowMs);
  const claim = (...lagsMs: number[]): void => {
    for (const lagMs of lagsMs) warning.note(lagMs);
    warning.say();
  };
  claim();
  expect(said).toEqual([]);
  claim(70, 90, 80);
  claim(500);
  nowMs = 59_999;
  claim(400);
  expect(said.splice(0)).toEqual([[40, "q", 3, 90]]);
  nowMs = 60_000;
  claim(7);
  expect(said.splice(0)).toEqual([[40, "q", 3, 500]]);
  nowMs = 200_000;
  claim();
  expect(said).toEqual([]);
});
