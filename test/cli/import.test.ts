import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Task } from "../../src/index.ts";
import { eventually } from "../support/fixture.ts";
import { setupCli } from "./support/cli.ts";

const ndjson = (lines: readonly unknown[]): string =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join("");

async function all(list: AsyncIterable<Task>): Promise<Task[]> {
  const tasks: Task[] = [];
  for await (const task of list) tasks.push(task);
  return tasks;
}

it("replays a recording: one origin for the whole file, ahead and faster", async () => {
  const { run, file, queue } = setupCli();
  const offsets = Array.from({ length: 5000 }, (_, i) => i * 7);
  const path = file(
    "r.ndjson",
    ndjson(offsets.map((offsetMs) => ({ offsetMs, name: "nova.osapi", data: { offsetMs } }))),
  );
  const before = Date.now();
  const flags = ["--delay-field", "offsetMs", "--speed", "7", "--start-in", "1h", "--shards", "4"];
  const { code, stdout, stderr } = await run(["import", "q", path, ...flags]);
  const after = Date.now();
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^imported 5,000 tasks in \d+\.\d s \([\d,]+\/s\)\n$/);
  const tasks = await all(queue().list("delayed"));
  expect(tasks).toHaveLength(5000);
  const origins = new Set(
    tasks.map(({ dueAtMs, data }) => dueAtMs - (data as { offsetMs: number }).offsetMs / 7),
  );
  expect(origins.size).toBe(1);
  const [origin = 0] = origins;
  expect(origin - 3_600_000).toBeGreaterThanOrEqual(before - 1);
  expect(origin - 3_600_000).toBeLessThanOrEqual(after + 1);
});

it("reads stdin, with line ends of Windows, a byte order mark and empty lines", async () => {
  const { run, queue } = setupCli();
  const input = `\ufeff{"name":"a","data":1}\r\n\r\n  \n{"ts":"2127-01-01T08:00+08:00","kind":"b","x":"ü"}`;
  const flags = ["--at-field", "ts", "--name-field", "kind", "--shards", "4", "--json"];
  expect(await run(["import", "q", "-", ...flags], { input })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^delayq: line 1: /),
  });
  const second = input.slice(input.lastIndexOf("\n") + 1);
  const { code, stdout } = await run(["import", "q", "-", ...flags], { input: `\ufeff\r\n\n${second}` });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ imported: 1, existed: 0, unknown: 0 });
  expect(await all(queue().list("delayed"))).toMatchObject([
    { name: "b", data: { x: "ü" }, dueAtMs: Date.UTC(2127, 0, 1) },
  ]);
});

it("stops at a wrong line: what stands before it is imported, what stands behind it is not", async () => {
  const { run, queue } = setupCli();
  const good = Array.from({ length: 5000 }, (_, i) => ({ name: "n", data: i }));
  const input = `${ndjson(good.slice(0, 2345))}\n{"name": "n"\n${ndjson(good.slice(2345))}`;
  const { code, stdout, stderr } = await run(["import", "q", "-", "--shards", "4"], { input });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(
    /^delayq: line 2347: Expected one JSON object, got `.*`; imported 2,345 tasks; go on with --from-line 2347 --run [-\w]{17}\n$/,
  );
  const data = (await all(queue().list("ready"))).map((task) => task.data as number);
  expect(data.toSorted((a, b) => a - b)).toEqual(good.slice(0, 2345).map((task) => task.data));
});

it("imports ids once, however often the file is imported", async () => {
  const { run, file } = setupCli();
  const path = file(
    "ids.ndjson",
    ndjson(Array.from({ length: 500 }, (_, i) => ({ id: `id-${i}`, name: "n", opts: { delay: 60_000 } }))),
  );
  const first = await run(["import", "q", path, "--json"]);
  const second = await run(["import", "q", path]);
  expect(JSON.parse(first.stdout)).toMatchObject({ imported: 500, existed: 0 });
  expect(second.stdout).toMatch(/^imported 0 tasks; 500 existed already in /);
  const { stdout } = await run(["stats", "q", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ delayed: 500, counters: { added: 500 } });
});

it("imports 200,000 lines within a small heap", async () => {
  const { run, folder } = setupCli();
  const path = join(folder, "big.ndjson");
  const out = createWriteStream(path);
  const line = (offsetMs: number): object => ({
    offsetMs,
    name: "nova.osapi",
    data: { msg: "x".repeat(130) },
  });
  for (let i = 0; i < 200; i++) {
    if (!out.write(ndjson(Array.from({ length: 1000 }, (_, j) => line(i * 1000 + j)))))
      await once(out, "drain");
  }
  out.end();
  await once(out, "close");
  const flags = ["--delay-field", "offsetMs", "--start-in", "1h", "--json"];
  // Held whole, the lines alone would take more than this heap.
  const { code, stdout, stderr } = await run(["import", "q", path, ...flags], {
    env: { NODE_OPTIONS: "--max-old-space-size=64" },
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({ imported: 200_000 });
});

it("gives up on a line without an end", async () => {
  const { run } = setupCli();
  const { code, stderr } = await run(["import", "q", "-"], { input: Buffer.alloc(8_000_000, "a") });
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^delayq: line 1: is longer than \d+ bytes\. .*; imported 0 tasks; go on with .*\n$/,
  );
});

it("skips bad lines when it is told to, and says which", async () => {
  const { run, queue } = setupCli();
  const input = Buffer.concat([
    Buffer.from(`${ndjson([{ name: "n", data: 0 }])}{"name":\n[1]\n`),
    Buffer.from([0xff, 0x0a]),
    Buffer.alloc(4_000_000, "a"),
    Buffer.from(
      `\n${ndjson([
        { data: 1, name: 7 },
        { name: "n", data: 2 },
      ])}`,
    ),
  ]);
  const { code, stdout, stderr } = await run(["import", "q", "-", "--skip-bad", "--json"], { input });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ imported: 2, skipped: 5, nextLine: 8 });
  expect(stderr.match(/^delayq: line \d+: .*; skipped$/gm)?.map((line) => line.slice(0, 14))).toEqual(
    [2, 3, 4, 5, 6].map((number) => `delayq: line ${number}`),
  );
  expect(new Set((await all(queue().list("ready"))).map(({ data }) => data as number))).toEqual(
    new Set([0, 2]),
  );
});

it("goes on at a line: nothing is lost, nothing twice, offsets count from the same origin", async () => {
  const { run, queue } = setupCli();
  const good = Array.from({ length: 3000 }, (_, i) => JSON.stringify({ name: "n", data: i, offsetMs: i }));
  const flags = ["--delay-field", "offsetMs", "--start-in", "1h", "--json"];
  const first = await run(["import", "q", "-", ...flags], {
    input: [...good.slice(0, 2000), "oops", ...good.slice(2001)].join("\n"),
  });
  expect(first.code).toBe(1);
  const { nextLine, run: name } = JSON.parse(first.stdout) as { nextLine: number; run: string };
  expect(nextLine).toBe(2001);
  // From some lines too early, as after an end of which nobody knows what was done.
  const input = good.join("\n");
  const again = ["--from-line", String(nextLine - 500), "--run", name];
  const second = await run(["import", "q", "-", ...flags, ...again], { input });
  expect(JSON.parse(second.stdout)).toMatchObject({
    imported: 1000,
    existed: 500,
    nextLine: 3001,
    run: name,
  });
  const tasks = await all(queue().list("delayed"));
  expect(tasks.map(({ data }) => (data as { data: number }).data ?? data)).toHaveLength(3000);
  const origins = new Set(tasks.map(({ dueAtMs, data }) => dueAtMs - (data as number)));
  expect(origins.size).toBe(1);
  expect((await run(["import", "q", "-", "--run", "short"])).code).toBe(2);
});

it("says what was imported when it is interrupted", async () => {
  const { start, queue } = setupCli();
  const { child, ended, logged } = start(["import", "q", "-", "--shards", "4"]);
  child.stdin?.write(ndjson(Array.from({ length: 4000 }, () => ({ name: "n", opts: { delay: 60_000 } }))));
  const stored = queue();
  await eventually(async () => expect((await stored.counts()).delayed).toBeGreaterThan(0));
  child.kill("SIGINT");
  expect(await ended).toBe(130);
  const { delayed } = await stored.counts();
  const counted = delayed.toLocaleString("en-US");
  await logged(`interrupted; imported ${counted} tasks; go on with --from-line ${delayed + 1} --run `);
});

it("reads times without an offset as local to --tz", async () => {
  const { run, queue } = setupCli();
  const input = ndjson([{ name: "a", at: "2127-01-01T09:00", id: "a1" }]);
  expect(await run(["import", "q", "-", "--at-field", "at", "--tz", "Asia/Tokyo"], { input })).toMatchObject({
    code: 0,
    stderr: "",
  });
  expect((await queue().get("a1"))?.dueAtMs).toBe(Date.parse("2127-01-01T00:00:00Z"));
});

it("refuses what cannot be imported", async () => {
  const { run, folder } = setupCli();
  const [missing, isFolder, noField, both] = await Promise.all([
    run(["import", "q", join(folder, "none.ndjson")]),
    run(["import", "q", folder]),
    run(["import", "q", "-", "--speed", "10"]),
    run(["import", "q", "-", "--delay-field", "a", "--at-field", "b"]),
  ]);
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("it does not exist") });
  expect(isFolder).toMatchObject({ code: 1, stderr: expect.stringContaining("is a folder") });
  expect(noField).toMatchObject({ code: 2, stderr: expect.stringContaining("need --delay-field") });
  expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining("cannot be used with") });
});
