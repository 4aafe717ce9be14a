import { expect, it } from "vitest";
import { durationMs } from "../../src/cli/duration.ts";
import { instantMs } from "../../src/cli/instant.ts";
import { printable } from "../../src/cli/output.ts";

it.each([
  ["15m", 900_000],
  ["500ms", 500],
  ["1h30m", 5_400_000],
  ["1h 30m", 5_400_000],
  ["1.5h", 5_400_000],
  ["2 days", 172_800_000],
  ["250", 250],
  ["0", 0],
])("reads the duration %s", (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

it.each([
  "",
  "soon",
  "-5m",
  "5 parsecs",
  "1h 5 parsecs",
  "1h-30m",
  "5m garbage",
  "m",
  "1h30",
  "Infinity",
  "1e99 days",
  "٣s",
])("refuses the duration %j", (text) => {
  expect(durationMs(text)).toBeUndefined();
});

it.each([
  ["2027-01-01T09:00+08:00", Date.UTC(2027, 0, 1, 1)],
  ["2027-01-01T09:00+0800", Date.UTC(2027, 0, 1, 1)],
  ["2027-01-01T09:00+08", Date.UTC(2027, 0, 1, 1)],
  ["2027-01-01T09:00:30.5Z", Date.UTC(2027, 0, 1, 9, 0, 30, 500)],
  ["2027-01-01 09:00:00Z", Date.UTC(2027, 0, 1, 9)],
  ["2027-01-01T09:00", new Date(2027, 0, 1, 9).getTime()],
  ["2027-01-01", new Date(2027, 0, 1).getTime()],
  ["1798765200000", 1_798_765_200_000],
  [1_798_765_200_000, 1_798_765_200_000],
  ["0", 0],
])("reads the instant %s", (text, ms) => {
  expect(instantMs(text)).toBe(ms);
});

it.each([
  "",
  "tomorrow",
  "2027-02-30",
  "2027-13-01T00:00Z",
  "2027-01-01T25:00Z",
  "2027-01-01T09:00+99:99",
  "1798765200", // seconds
  "-1",
  "1960-01-01T00:00Z",
  "99999999999999999",
])("refuses the instant %j", (text) => {
  expect(instantMs(text)).toBeUndefined();
});

it("shows what would steer a terminal", () => {
  expect(printable("a\u001b[2J\u009b1m\n\u202eb\u0007")).toBe("a\\u001b[2J\\u009b1m\\u000a\\u202eb\\u0007");
});
