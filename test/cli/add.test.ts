import { withTimes } from "../../src/cli/document.ts";
import { expect, it } from "vitest";
import type { AddedTask } from "../../src/index.ts";
import { eventually } from "../support/fixture.ts";
import { setupCli } from "./support/cli.ts";

it("adds a task that is due now, and says so in one line", async () => {
  const { run, queue } = setupCli();
  const { code, stdout, stderr } = await run(["add", "q", "welcome", '{"userId":7}', "--shards", "4"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const [, id = ""] = /^(\S+) welcome due \d{4}-\d\d-\d\dT[\d:.]+Z\n$/.exec(stdout) ?? [];
  expect(await queue().get(id)).toMatchObject({
    name: "welcome",
    data: { userId: 7 },
    state: "ready",
    priority: 0,
  });
});

it("adds under its full name too, due later", async () => {
  const { run, queue } = setupCli();
  const [later, at] = await Promise.all([
    run(["task", "add", "q", "n", "--in", "1h30m", "--shards", "4", "--json"]),
    run(["task", "add", "q", "n", "--at", "2127-01-01T09:00+08:00", "--shards", "4", "--json"]),
  ]);
  const task = JSON.parse(later.stdout) as AddedTask;
  expect(task.dueAtMs - task.addedAtMs).toBe(5_400_000);
  const { existed, ...seen } = task;
  expect(existed).toBe(false);
  expect(withTimes((await queue().get(task.id)) ?? {})).toEqual(seen);
  expect((JSON.parse(at.stdout) as AddedTask).dueAtMs).toBe(Date.UTC(2127, 0, 1, 1));
});

it("reads the payload from stdin", async () => {
  const { run } = setupCli();
  const { stdout } = await run(["add", "q", "n", "-", "--json"], { input: '{"a":\n "ü"}\n' });
  expect(JSON.parse(stdout)).toMatchObject({ data: { a: "ü" } });
});

it("adds nothing under an id that exists, and shows the task that was there", async () => {
  const { run, queue } = setupCli();
  const args = ["add", "q", "n", "1", "--id", "order-7", "--in", "1h"];
  await run([...args, "--shards", "4"]);
  const again = await run(["add", "q", "other", "2", "--id", "order-7"]);
  expect(again).toMatchObject({ code: 0, stderr: "" });
  expect(again.stdout).toMatch(/^order-7 n existed already: delayed, due /);
  expect(await queue().counts()).toMatchObject({ delayed: 1, ready: 0 });
});

it("gives the task its options", async () => {
  const { run, worker } = setupCli();
  const args = [
    "--priority",
    "7",
    "--attempts",
    "2",
    "--backoff",
    "fixed:1ms",
    "--timeout-ms",
    "5000",
    "--json",
  ];
  const { stdout } = await run(["add", "q", "n", ...args]);
  expect(JSON.parse(stdout)).toMatchObject({ priority: 7 });
  const seen: string[] = [];
  const failing = worker(() => {
    throw new Error("no");
  });
  failing.on("failed", () => seen.push("failed")).on("dead", () => seen.push("dead"));
  await eventually(() => expect(seen).toEqual(["failed", "dead"]));
});

it("adds a task that expires, which a worker then counts and does not run", async () => {
  const { run, queue, start, file } = setupCli();
  const added = await run(["add", "q", "n", "--at", "2020-01-01T00:00Z", "--expire", "1m"]);
  expect(added).toMatchObject({ code: 0, stderr: "" });
  file("h.mjs", `export default () => { throw new Error("it was to expire"); };`);
  const worker = start(["worker", "--queue", "q", "--handler", "h.mjs"]);
  expect(await worker.logged("task has expired")).toMatchObject({ queue: "q", taskName: "n", level: 30 });
  expect((await queue().stats()).counters).toEqual({ added: 1, expired: 1 });
  expect((await run(["stats", "q"])).stdout).toMatch(/\nexpired +1\n/);
  worker.child.kill("SIGTERM");
  expect(await worker.ended).toBe(0);
  expect(worker.logs.at(-1)).toMatchObject({ msg: "worker stopped", completed: 0, expired: 1 });
});

it("refuses wrong input with code 2, one line, and nothing added", async () => {
  const { run, queue } = setupCli();
  const table: [string[], RegExp][] = [
    [["add", "q"], /missing required argument 'name'/],
    [["add", "q", "n", "{bad"], /Expected DATA to be JSON, got `"\{bad"`/],
    [["add", "q", "n", "1", "2"], /too many arguments/],
    [["add", "q q", "n"], /Expected the queue name/],
    [["add", "q", "n\u001b[2J"], /Expected the task name to be .*, got `"n\\u001b\[2J"`/],
    [["add", "q", "n", "--in", "-5m"], /'-5m' is invalid. Expected a duration/],
    [["add", "q", "n", "--at", "1798765200"], /Expected ISO 8601/],
    [["add", "q", "n", "--in", "5m", "--at", "2027-01-01"], /cannot be used with/],
    [["add", "q", "n", "--priority", "10"], /Expected an integer from 0 to 9/],
    [["add", "q", "n", "--backoff", "slow:1s"], /Expected fixed:DELAY/],
    [["add", "q", "n", "--expire", "soon"], /'soon' is invalid. Expected a duration/],
    [["add", "q", "n", "--expire", "25d"], /Expected `expireMs` to be an integer from 0 to/],
    [["add", "q", "n", "--id", ""], /Expected the task id/],
  ];
  const results = await Promise.all(table.map(async ([args]) => await run(args)));
  for (const [i, { code, stdout, stderr }] of results.entries()) {
    expect(stderr, table[i]?.[0].join(" ")).toMatch(table[i]?.[1] ?? "");
    expect(stderr).toMatch(/^delayq: .+\n(\(--help shows how it is used\)\n)?$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  }
  expect(await queue().counts()).toMatchObject({ delayed: 0, ready: 0 });
});
