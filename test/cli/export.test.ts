import { expect, it } from "vitest";
import { RetryLater, UnrecoverableError, type Queue } from "../../src/index.ts";
import { eventually, type setup } from "../support/fixture.ts";
import { setupCli, type Ended } from "./support/cli.ts";

type Cli = ReturnType<typeof setupCli>;
type Line = Record<string, unknown> & { readonly id: string; readonly state: string };

const HOUR_MS = 3_600_000;

/** A queue with tasks in every state, and a worker that holds one of them until it is closed. */
async function fill(queue: Queue, worker: ReturnType<typeof setup>["worker"]): Promise<() => Promise<void>> {
  const many = (name: string, count: number, opts: object) =>
    Array.from({ length: count }, (_, i) => ({ name, data: { i }, opts: { id: `${name}-${i}`, ...opts } }));
  await queue.addBulk([
    ...many("later", 300, { delay: HOUR_MS, priority: 4, attempts: 7 }),
    ...many("dies", 20, {}),
    ...many("keeps", 20, { keepResultMs: HOUR_MS }),
    ...many("again", 20, { backoff: { type: "fixed", delay: HOUR_MS }, attempts: 2 }),
    ...many("moved", 5, { delay: HOUR_MS }),
  ]);
  for (let i = 0; i < 5; i++) await queue.reschedule(`moved-${i}`, { delay: 2 * HOUR_MS + i });
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const running = worker({
    dies: () => {
      throw new UnrecoverableError("never\u001b[31m");
    },
    keeps: ({ data }) => ({ kept: data as unknown }),
    again: () => {
      throw new Error("not yet");
    },
    held: async () => {
      await held;
      throw new RetryLater(HOUR_MS);
    },
  });
  await eventually(async () => {
    expect(await queue.counts()).toMatchObject({ delayed: 325, ready: 0, leased: 0, dead: 20, done: 20 });
  });
  await queue.add("held", 1, { id: "held" });
  await eventually(async () => expect(await queue.counts()).toMatchObject({ leased: 1 }));
  await queue.pause();
  await queue.addBulk(many("ready", 10, {}));
  return async () => {
    release();
    await running.close();
  };
}

const linesOf = ({ code, stdout, stderr }: Ended): Line[] => {
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
};

/** The tasks of an export by id, without what says where and when they were seen. */
function tasksOf(lines: readonly Line[]): Record<string, object> {
  const plain = lines.slice(1, -1).map(({ id, ...task }) => {
    const { lease: _lease, profile: _profile, forgetAtMs: _forgetAtMs, keepLeftMs, ...rest } = task;
    const isKept = typeof keepLeftMs === "number" && keepLeftMs > HOUR_MS - 60_000;
    const state = task.state === "leased" ? "ready" : task.state;
    return [id, { ...rest, state, ...(keepLeftMs !== undefined && { isKept }) }] as const;
  });
  expect(plain.length).toBe((lines.at(-1) as { tasks?: number } | undefined)?.tasks);
  const tasks = Object.fromEntries(plain);
  expect(Object.keys(tasks)).toHaveLength(plain.length);
  return tasks;
}

async function exported({ run, file }: Cli, queue: string) {
  const ended = await run(["export", queue]);
  return { lines: linesOf(ended), path: file(`${queue}.ndjson`, ended.stdout) };
}

it("brings a queue with tasks in every state back after it was wiped, and onto other shards", async () => {
  const cli = setupCli();
  const { run, queue, worker } = cli;
  const original = queue();
  const stop = await fill(original, worker);
  const { lines, path } = await exported(cli, "q");
  expect(lines[0]).toMatchObject({ export: 1, queue: "q", paused: true, shards: 4 });
  const before = tasksOf(lines);
  const counts = await original.counts();
  expect(counts).toMatchObject({ delayed: 325, ready: 10, leased: 1, dead: 20, done: 20 });
  await stop();
  await original.obliterate({ force: true });

  for (const [name, shards] of [
    ["q", "4"],
    ["elsewhere", "7"],
  ] as const) {
    const { code, stdout, stderr } = await run([
      "import",
      name,
      path,
      "--restore",
      "--shards",
      shards,
      "--json",
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ restored: 376, existed: 0, skipped: 0, paused: true });
    const again = await exported(cli, name);
    expect(again.lines[0]).toMatchObject({ shards: Number(shards), paused: true });
    expect(tasksOf(again.lines)).toEqual(before);
    const { stdout: stats } = await run(["stats", name, "--json"]);
    expect(JSON.parse(stats)).toMatchObject({
      ...counts,
      ready: 11,
      leased: 0,
      counters: { added: 376, restored: 376, completed: 20 },
    });
  }
});

it("runs what was ready once, and nothing else, when a restored queue goes on", async () => {
  const cli = setupCli();
  const { run, queue, worker } = cli;
  const stop = await fill(queue(), worker);
  const { path } = await exported(cli, "q");
  await stop();
  const runs: string[] = [];
  const note = ({ id, attempt }: { id: string; attempt: number }): void => void runs.push(`${id} ${attempt}`);
  worker(
    { ready: note, held: note, later: note, dies: note, keeps: note, again: note, moved: note },
    {},
    "copy",
  );
  const { code } = await run(["import", "copy", path, "--restore"]);
  expect(code).toBe(0);
  const copy = queue({}, "copy");
  expect(runs).toEqual([]);
  await copy.resume();
  const expected = ["held 1", ...Array.from({ length: 10 }, (_, i) => `ready-${i} 1`)];
  await eventually(() => expect(runs.toSorted()).toEqual(expected.toSorted()));
  await eventually(async () =>
    expect(await copy.counts()).toMatchObject({ delayed: 325, ready: 0, leased: 0, dead: 20, done: 20 }),
  );
  expect(await copy.requeue("dies-3")).toBe("requeued");
  await eventually(() => expect(runs).toContain("dies-3 1"));
  expect(await copy.get("again-1")).toMatchObject({ attempt: 1, error: { message: "not yet" } });
});

it("leaves a queue running that ran, and changes nothing when it is restored twice", async () => {
  const cli = setupCli();
  const { run, queue, file } = cli;
  await queue().addBulk(
    Array.from({ length: 500 }, (_, i) => ({ name: "n", data: i, opts: { delay: HOUR_MS } })),
  );
  const { lines, path } = await exported(cli, "q");
  const first = await run(["import", "copy", path, "--restore"]);
  expect(first).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^restored 500 tasks in \d+\.\d s \([\d,]+\/s\)\n$/),
  });
  const copy = queue({}, "copy");
  expect(await copy.counts()).toMatchObject({ delayed: 500, paused: false });

  const refused = await run(["import", "copy", path, "--restore"]);
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toBe(
    "delayq: Expected queue copy to be empty or paused, got 500 tasks in it. Pause it, or restore into another; restored 0 tasks\n",
  );
  await copy.pause();
  await copy.cancel(lines[1]?.id ?? "");
  const second = await run(["import", "copy", path, "--restore"]);
  expect(second).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^restored 1 task; 499 existed already in .*; the queue is paused\n$/),
  });
  expect(tasksOf((await exported(cli, "copy")).lines)).toEqual(tasksOf(lines));

  const cut = file(
    "cut.ndjson",
    lines
      .slice(0, 100)
      .map((line) => JSON.stringify(line))
      .join("\n"),
  );
  const half = await run(["import", "half", cut, "--restore"]);
  expect(half).toMatchObject({ code: 1, stdout: "" });
  expect(half.stderr).toBe(
    "delayq: the file is not whole: it ends after 99 tasks, without the last line of an export; restored 99 tasks; the queue is paused; restore again: what is there is left alone\n",
  );
  const whole = await run(["import", "half", path, "--restore", "--json"]);
  expect(JSON.parse(whole.stdout)).toMatchObject({ restored: 401, existed: 99, paused: false });
  expect(await queue({}, "half").counts()).toMatchObject({ delayed: 500, paused: false });
});

it("leaves a queue paused that somebody pauses between two tries, or that the file says is paused", async () => {
  const cli = setupCli();
  const { run, queue, file } = cli;
  await queue().addBulk(
    Array.from({ length: 20 }, (_, i) => ({ name: "n", data: i, opts: { delay: HOUR_MS } })),
  );
  const { lines, path } = await exported(cli, "q");
  const textOf = (all: readonly object[]): string => all.map((line) => `${JSON.stringify(line)}\n`).join("");
  const cut = file("cut.ndjson", textOf(lines.slice(0, 10)));
  const ofPaused = file("paused.ndjson", textOf([{ ...lines[0], paused: true }, ...lines.slice(1)]));
  const restored = async (name: string, from: string): Promise<unknown> =>
    JSON.parse((await run(["import", name, from, "--restore", "--json"])).stdout);

  expect(await restored("kept", cut)).toMatchObject({ restored: 9, paused: true });
  await queue({}, "kept").pause();
  expect(await restored("kept", path)).toMatchObject({ restored: 11, existed: 9, paused: true });

  expect(await restored("still", cut)).toMatchObject({ paused: true });
  expect(await restored("still", ofPaused)).toMatchObject({ restored: 11, existed: 9, paused: true });
  expect(await restored("still", path)).toMatchObject({ restored: 0, existed: 20, paused: true });
});

it("can be interrupted while it restores, and done again", async () => {
  const cli = setupCli();
  const { run, start, queue } = cli;
  const tasks = Array.from({ length: 3000 }, (_, i) => ({ name: "n", data: i, opts: { delay: HOUR_MS } }));
  await queue({ shards: 2 }).addBulk(tasks);
  const { lines, path } = await exported(cli, "q");
  const { child, ended, logged } = start(["import", "copy", "-", "--restore"]);
  child.stdin?.on("error", () => {}); // it may end without reading all
  child.stdin?.write(
    lines
      .slice(0, 2000)
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(""),
  );
  const copy = queue({ shards: 2 }, "copy");
  await eventually(async () => expect((await copy.counts()).delayed).toBeGreaterThan(0));
  child.kill("SIGINT");
  expect(await ended).toBe(130);
  const { delayed, paused } = await copy.counts();
  expect(paused).toBe(true);
  await logged(
    `interrupted; restored ${delayed.toLocaleString("en-US")} tasks; the queue is paused; restore again`,
  );
  const { stdout } = await run(["import", "copy", path, "--restore", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ restored: 3000 - delayed, existed: delayed, paused: false });
  expect(tasksOf((await exported(cli, "copy")).lines)).toEqual(tasksOf(lines));
});

it("takes no export for anything else, and nothing else for an export", async () => {
  const cli = setupCli();
  const { run, queue, worker } = cli;
  await queue().add("n", 1, { id: "a", delay: HOUR_MS });
  const { path, lines } = await exported(cli, "q");
  expect(await run(["import", "x", path])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("line 1: Expected tasks to add, not an export; --restore"),
  });
  const restored = async (input: string, ...flags: string[]): Promise<Ended> =>
    await run(["import", "x", "-", "--restore", ...flags], { input });
  expect(await restored('{"name":"n"}\n')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("line 1: Expected the first line of an export"),
  });
  expect(await restored(JSON.stringify({ ...lines[0], export: 2 }))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      "line 1: Expected an export of format 1, got format 2. Update this program",
    ),
  });
  const [header, task, end] = lines.map((line) => JSON.stringify(line));
  const bad = `${header}\n${JSON.stringify({ ...lines[1], state: "lost" })}\n${task}\n${end}\n`;
  expect(await restored(bad)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /line 2: Expected `state` to be delayed, .*; restored 0 tasks; the queue is/,
    ),
  });
  expect(await restored(bad, "--from-line", "2")).toMatchObject({ code: 2 });
  expect(await run(["export", "nowhere"])).toMatchObject({ code: 4, stdout: "" });

  // Whoever runs may end after its task was read.
  let release = (): void => {};
  const busy = queue({}, "busy");
  worker({ n: async () => await new Promise<void>((resolve) => (release = resolve)) }, {}, "busy");
  await busy.add("n", 1);
  await eventually(async () => expect(await busy.counts()).toMatchObject({ leased: 1 }));
  await busy.pause();
  expect(await run(["import", "busy", path, "--restore"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("Expected no task of queue busy to be running, got 1"),
  });
  release();
});

it("exports a queue under load: what lives through it is restored once", async () => {
  const cli = setupCli();
  const { run, queue, worker, file } = cli;
  const opts = { attempts: 1_000_000, backoff: { type: "fixed", delay: 20 } } as const;
  const living = Array.from({ length: 2000 }, (_, i) => `lives-${i}`);
  const busy = queue();
  await busy.addBulk(living.map((id) => ({ name: "lives", data: 0, opts: { ...opts, id } })));
  worker(
    {
      lives: ({ data }) => {
        if (Math.random() < 0.5) throw new RetryLater(10);
        throw new Error(String(data));
      },
      passes: () => {},
    },
    { concurrency: 200 },
  );
  const isOver = new AbortController();
  const load = (async () => {
    while (!isOver.signal.aborted)
      await busy.addBulk(Array.from({ length: 100 }, () => ({ name: "passes", data: 0 })));
  })();
  const exports = [await run(["export", "q"]), await run(["export", "q"])];
  isOver.abort();
  await load;
  for (const [i, ended] of exports.entries()) {
    const lines = linesOf(ended);
    const tasks = tasksOf(lines);
    expect(
      Object.keys(tasks)
        .filter((id) => id.startsWith("lives"))
        .toSorted(),
    ).toEqual(living.toSorted());
    const path = file(`${i}.ndjson`, ended.stdout);
    const flags = ["--restore", "--shards", String(3 + i), "--json"];
    const { stdout } = await run(["import", `copy-${i}`, path, ...flags]);
    expect(JSON.parse(stdout)).toMatchObject({ restored: lines.length - 2, existed: 0, paused: false });
    const seen = tasksOf((await exported(cli, `copy-${i}`)).lines);
    const settled = (of: Record<string, object>): Record<string, object> =>
      Object.fromEntries(Object.entries(of).map(([id, task]) => [id, { ...task, state: "pending" }]));
    expect(settled(seen)).toEqual(settled(tasks));
  }
});

it("shows what a terminal would obey, and ends quietly when nobody reads", async () => {
  const { run, queue } = setupCli();
  await queue().add("\u202ename", { text: "\u009b31m\u001b[31m" }, { delay: HOUR_MS });
  const { stdout } = await run(["export", "q"]);
  expect(stdout).toContain(String.raw`"name":"\u202ename"`);
  expect(stdout).toContain(String.raw`"data":{"text":"\u009b31m\u001b[31m"}`);
  expect(linesOf(await run(["export", "q", "--json"]))[1]).toMatchObject({
    data: { text: "\u009b31m\u001b[31m" },
  });
});
