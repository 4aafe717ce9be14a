import { expect, it } from "vitest";
import { setupCli } from "./support/cli.ts";

const HOUR_MS = 3_600_000;

it("draws what falls due ahead, overdue and later apart", async () => {
  const { run, queue } = setupCli();
  const tomorrow = new Date();
  tomorrow.setUTCHours(24, 0, 0, 0);
  const at = (hours: number, count: number) =>
    Array.from({ length: count }, () => ({
      name: "n",
      data: 0,
      opts: { at: tomorrow.getTime() + hours * HOUR_MS },
    }));
  await queue().addBulk([...at(-48, 3), ...at(30, 40), ...at(54, 1), ...at(24 * 20, 7)]);
  const { code, stdout, stderr } = await run(["timeline", "q", "--by", "day", "--for", "7d", "--tz", "UTC"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const day = (n: number): string =>
    new Date(tomorrow.getTime() + n * 24 * HOUR_MS).toISOString().slice(0, 10);
  expect(stdout.split("\n")).toEqual([
    "due from (UTC)        tasks",
    "overdue                   3",
    `${day(-1)} 00:00          0`,
    `${day(0)} 00:00          0`,
    `${day(1)} 00:00         40  ${"█".repeat(40)}`,
    `${day(2)} 00:00          1  █`,
    `${day(3)} 00:00 ...      0`,
    "later                     7",
    "",
  ]);
});

it("tells the same as one JSON document", async () => {
  const { run, queue } = setupCli();
  const beganMs = Date.now();
  await queue().addBulk([
    { name: "n", data: 0 },
    { name: "n", data: 0, opts: { delay: 90 * 60_000 } },
    { name: "n", data: 0, opts: { delay: 300 * 60_000 } },
  ]);
  const { code, stdout } = await run(["timeline", "q", "--by", "minute", "--for", "2h", "--json"]);
  expect(code).toBe(0);
  const { readAtMs, readAt, buckets, ...document } = JSON.parse(stdout) as {
    readAtMs: number;
    readAt: string;
    buckets: { startAt: string; startAtMs: number; endAtMs: number; tasks: number }[];
  };
  expect(document).toEqual({ queue: "q", by: "minute", overdue: 1, later: 1 });
  expect(new Date(readAt).getTime()).toBe(readAtMs);
  expect(buckets.length).toBeGreaterThanOrEqual(120);
  const due = buckets.filter(({ tasks }) => tasks > 0);
  expect(due).toHaveLength(1);
  expect(due[0]).toMatchObject({ tasks: 1 });
  expect(due[0]?.startAtMs).toBeGreaterThan(beganMs + 88 * 60_000);
  expect(due[0]?.endAtMs).toBe((due[0]?.startAtMs ?? 0) + 60_000);
  expect(new Date(due[0]?.startAt ?? "").getTime()).toBe(due[0]?.startAtMs);
});

it("knows what is no queue and what are too many steps", async () => {
  const { run, queue } = setupCli();
  await queue().add("n", 1);
  const [unknown, fine, wrong] = await Promise.all([
    run(["timeline", "nothing"]),
    run(["timeline", "q", "--by", "minute", "--for", "30d"]),
    run(["timeline", "q", "--by", "week"]),
  ]);
  expect(unknown).toMatchObject({ code: 4, stdout: "" });
  expect(fine).toMatchObject({ code: 2, stdout: "" });
  expect(fine.stderr).toContain("more than 1500 steps");
  expect(wrong).toMatchObject({ code: 2, stdout: "" });
});
