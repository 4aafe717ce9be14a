import { expect, it } from "vitest";
import { setupCli } from "./support/cli.ts";

const START = Date.UTC(2100, 0, 1);
const HOUR = 3_600_000;

/** Four delayed tasks, due an hour apart. */
async function setup() {
  const cli = setupCli();
  const tasks = cli.queue();
  for (const [i, name] of ["x", "y", "z", "x"].entries()) {
    await tasks.add(name, i, { id: `t${i}`, at: START + i * HOUR });
  }
  return { ...cli, tasks };
}

const ids = (ndjson: string): unknown[] =>
  ndjson
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as { id: string }).id);

it("lists tasks as a table, in a time zone", async () => {
  const { run } = await setup();
  const { code, stdout, stderr } = await run(["task", "ls", "q", "--limit", "3", "--tz", "Asia/Tokyo"]);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: "delayq: there are more; --limit shows more than 3\n",
  });
  expect(stdout.split("\n")).toEqual([
    "id  name  state    due                            attempts  priority",
    "t0  x     delayed  2100-01-01T09:00:00.000+09:00         0         0",
    "t1  y     delayed  2100-01-01T10:00:00.000+09:00         0         0",
    "t2  z     delayed  2100-01-01T11:00:00.000+09:00         0         0",
    "",
  ]);
});

it("lists what a filter matches, as JSON with times for people and for programs", async () => {
  const { run } = await setup();
  const list = async (...args: string[]) => await run(["task", "ls", "q", "--json", ...args]);
  const [byTime, byName, byPrefix, ready] = await Promise.all([
    list("--due-after", "2100-01-01T10:00", "--due-before", "2100-01-01T12:00", "--tz", "Asia/Tokyo"),
    list("--name", "x", "--state", "ready,delayed"),
    list("--id-prefix", "t3"),
    list("--state", "ready"),
  ]);
  expect(ids(byTime.stdout)).toEqual(["t1", "t2"]);
  expect(ids(byName.stdout)).toEqual(["t0", "t3"]);
  expect(JSON.parse(byPrefix.stdout)).toMatchObject({
    id: "t3",
    dueAt: "2100-01-01T03:00:00.000Z",
    dueAtMs: START + 3 * HOUR,
  });
  expect(ready).toEqual({ code: 0, stdout: "", stderr: "" });
});

it("shows, changes and cancels a task; one that is cancelled is not found", async () => {
  const { run, tasks } = await setup();
  expect(await run(["task", "show", "q", "t0"])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^id +t0\nqueue +q\n[^]*\ndue +2100-01-01T00:00:00\.000Z\n/),
  });
  expect(await run(["task", "reschedule", "q", "t0", "--at", "2101-01-01T00:00Z"])).toEqual({
    code: 0,
    stdout: "t0 rescheduled\n",
    stderr: "",
  });
  expect(await run(["task", "update", "q", "t0", '{"a":1}', "--json"])).toMatchObject({
    stdout: '{"id":"t0","outcome":"updated"}\n',
  });
  const shown = JSON.parse((await run(["task", "show", "q", "t0", "--json"])).stdout) as object;
  expect(shown).toMatchObject({ data: { a: 1 }, dueAtMs: Date.UTC(2101, 0, 1) });
  expect(await run(["task", "run-now", "q", "t0"])).toMatchObject({ code: 0, stdout: "t0 due\n" });
  expect((await tasks.get("t0"))?.state).toBe("ready");
  expect(await run(["task", "cancel", "q", "t0"])).toEqual({ code: 0, stdout: "cancelled 1\n", stderr: "" });
  const after = await Promise.all([
    run(["task", "show", "q", "t0"]),
    run(["task", "cancel", "q", "t0"]),
    run(["task", "run-now", "q", "t0"]),
    run(["task", "show", "none", "t0"]),
  ]);
  expect(after.map(({ code }) => code)).toEqual([4, 4, 4, 4]);
});

it("cancels by filter only what is confirmed", async () => {
  const { run, tasks } = await setup();
  const refused = await run(["task", "cancel", "q", "--name", "x"]);
  expect(refused).toMatchObject({ code: 5, stdout: "" });
  expect(refused.stderr).toContain("this would cancel 2 tasks of q; nothing was done");
  expect(await run(["task", "cancel", "q", "--name", "x", "--dry-run"])).toMatchObject({
    code: 0,
    stdout: "would cancel 2 tasks of q; nothing was done (--dry-run)\n",
  });
  expect(await tasks.count("delayed")).toBe(4);
  expect(await run(["task", "cancel", "q", "--name", "x", "--yes", "--json"])).toMatchObject({
    code: 0,
    stdout: '{"cancelled":2}\n',
  });
  expect(await tasks.count("delayed")).toBe(2);
});

it("refuses wrong usage with code 2", async () => {
  const { run } = setupCli();
  const wrong = [
    ["task", "ls", "q", "--state", "lost"],
    ["task", "ls", "q", "--due-before", "soon"],
    ["task", "ls", "q", "--tz", "Mars/Base"],
    ["task", "reschedule", "q", "t"],
    ["task", "cancel", "q"],
    ["task", "cancel", "q", "--all", "--abort"],
    ["task", "update", "q", "t", "no json"],
  ];
  for (const { code, stdout } of await Promise.all(wrong.map(async (args) => await run(args)))) {
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  }
});
