import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { eventually } from "../support/fixture.ts";
import { setupCli } from "./support/cli.ts";
import { hasTerminal, startInTerminal, type TerminalRun } from "./support/screen.ts";

const NOTE = `import { appendFileSync } from "node:fs";\nconst note = (text) => appendFileSync("notes", text + "\\n");\n`;

function setup() {
  const cli = setupCli();
  return {
    ...cli,
    /** What handlers wrote down. */
    notes: (): string[] => {
      const path = join(cli.folder, "notes");
      return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n").toSorted() : [];
    },
  };
}

it("runs tasks to completion with worker and scheduler in processes of their own", async () => {
  const { start, file, queue, notes } = setup();
  file("h.mjs", `${NOTE}export default async (task) => note(task.name + task.data);`);
  const tasks = queue({}, "emails");
  const scheduler = start(["scheduler", "--queue", "emails", "--queue", "invoices"]);
  const worker = start([
    "worker",
    "--queue",
    "emails",
    "--handler",
    "h.mjs",
    "--no-scheduler",
    "--concurrency",
    "3",
  ]);
  expect(await scheduler.logged("scheduler started")).toMatchObject({ queues: ["emails", "invoices"] });
  expect(await worker.logged("worker started")).toMatchObject({
    queue: "emails",
    concurrency: 3,
    scheduler: false,
  });
  const opts = (i: number) => ({ delay: i * 10 });
  await tasks.addBulk(Array.from({ length: 20 }, (_, i) => ({ name: "n", data: i, opts: opts(i) })));
  await eventually(async () => expect((await tasks.stats()).counters).toMatchObject({ completed: 20 }));
  expect(notes()).toEqual(Array.from({ length: 20 }, (_, i) => `n${i}`).toSorted());
  worker.child.kill("SIGTERM");
  scheduler.child.kill("SIGINT");
  expect(await Promise.all([worker.ended, scheduler.ended])).toEqual([0, 0]);
  expect(worker.logs.at(-1)).toMatchObject({ msg: "worker stopped", completed: 20, failed: 0, dead: 0 });
  expect(worker.stdout).toEqual([]);
  expect([...worker.logs, ...scheduler.logs].filter(({ level }) => Number(level) > 30)).toEqual([]);
});

it.each([
  ["a default function", "h.mjs", `${NOTE}export default (task) => note(task.name);`],
  ["a default object", "h.mjs", `${NOTE}export default { a: () => note("a"), "b.c": () => note("b.c") };`],
  [
    "named exports",
    "h.mjs",
    `${NOTE}export const LIMIT = 3;\nexport function a() { note("a"); }\nconst b = () => note("b.c");\nexport { b as "b.c" };`,
  ],
  [
    "a CommonJS function",
    "h.cjs",
    `module.exports = (task) => require("fs").appendFileSync("notes", task.name + "\\n");`,
  ],
  [
    "a CommonJS object",
    "h.cjs",
    `const fs = require("fs");\nexports.a = () => fs.appendFileSync("notes", "a\\n");\nexports["b.c"] = () => fs.appendFileSync("notes", "b.c\\n");`,
  ],
  [
    "a compiled module",
    "h.cjs",
    `Object.defineProperty(exports, "__esModule", { value: true });\nexports.default = (task) => require("fs").appendFileSync("notes", task.name + "\\n");`,
  ],
])("takes handlers from %s", async (_, name, source) => {
  const { start, file, queue, notes } = setup();
  file(name, source);
  const tasks = queue();
  await tasks.addBulk([
    { name: "a", data: null },
    { name: "b.c", data: null },
  ]);
  const worker = start(["worker", "--queue", "q", "--handler", name]);
  await eventually(() => expect(notes()).toEqual(["a", "b.c"]));
  worker.child.kill("SIGTERM");
  expect(await worker.ended).toBe(0);
});

it("says in one line what is wrong with a handler file", async () => {
  const { run, file } = setup();
  const table: [string, RegExp][] = [
    ["/no/such/h.mjs", /there is no handler file \/no\/such\/h.mjs/],
    [file("none.mjs", "export const limit = 3;"), /Expected .* got none of them/],
    [file("bad.mjs", "export default { a: 7 };"), /Expected the handler to be a function .* got `\{"a":7\}`/],
    [
      file("throws.mjs", "\nthrow new Error('no \u001b[2J config');"),
      /cannot be loaded: Error: no \\u001b\[2J config \(at .*throws.mjs:2:7\)/,
    ],
    [file("syntax.mjs", "export defalt 7"), /syntax.mjs cannot be loaded: SyntaxError: Unexpected token/],
    [
      file("import.mjs", "import { nothing } from 'node:fs';"),
      /cannot be loaded: SyntaxError: .* \(at .*import.mjs:1\)/,
    ],
  ];
  const results = await Promise.all(
    table.map(async ([path]) => await run(["worker", "--queue", "q", "--handler", path])),
  );
  for (const [i, { code, stdout, stderr }] of results.entries()) {
    expect(stderr).toMatch(table[i]?.[1] ?? "");
    expect(stderr).toMatch(/^delayq: .+\n$/);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  }
});

it("lets running handlers finish on SIGTERM, and claims nothing more", async () => {
  const { start, file, queue, notes } = setup();
  file(
    "h.mjs",
    `${NOTE}import { existsSync } from "node:fs";
export default async (task) => {
  note("start" + task.data);
  while (!existsSync("go")) await new Promise((resolve) => setTimeout(resolve, 10));
  note("end" + task.data);
};`,
  );
  const tasks = queue();
  await tasks.add("n", 1);
  const worker = start(["worker", "--queue", "q", "--handler", "h.mjs", "--concurrency", "1"]);
  await eventually(() => expect(notes()).toEqual(["start1"]));
  worker.child.kill("SIGTERM");
  expect(await worker.logged("draining")).toMatchObject({ signal: "SIGTERM", running: 1 });
  await tasks.add("n", 2);
  file("go", "");
  expect(await worker.ended).toBe(0);
  expect(notes()).toEqual(["end1", "start1"]);
  expect(await tasks.counts()).toMatchObject({ ready: 1, leased: 0 });
});

it("releases what does not finish within the grace, and ends whatever handlers left open", async () => {
  const { start, file, queue, notes } = setup();
  file(
    "h.mjs",
    `${NOTE}export default async () => { note("started"); setInterval(() => {}, 1000); await new Promise(() => {}); };`,
  );
  const tasks = queue();
  const { id } = await tasks.add("n", 1);
  const worker = start(["worker", "--queue", "q", "--handler", "h.mjs", "--grace-ms", "50"]);
  await eventually(() => expect(notes()).toEqual(["started"]));
  worker.child.kill("SIGTERM");
  expect(await worker.ended).toBe(1);
  expect(await worker.logged("some handlers did not finish")).toMatchObject({ left: 1 });
  expect(await tasks.get(id)).toMatchObject({ state: "ready", attempt: 0 });
});

it.each([
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const)("ends at once at a second %s", async (signal, code) => {
  const { start, file, queue, notes } = setup();
  file(
    "h.mjs",
    `${NOTE}export default () => { note("started"); return new Promise((resolve) => setTimeout(resolve, 600_000)); };`,
  );
  await queue().add("n", 1);
  const worker = start(["worker", "--queue", "q", "--handler", "h.mjs"]);
  await eventually(() => expect(notes()).toEqual(["started"]));
  worker.child.kill(signal);
  await worker.logged("draining");
  worker.child.kill(signal);
  expect(await worker.ended).toBe(code);
});

it.each([
  ["an exception in a timer", `setTimeout(() => { throw new Error("late"); }, 0);`],
  ["a rejection nobody awaits", `Promise.reject(new Error("late"));`],
])("drains and fails after %s", async (_, source) => {
  const { start, file, queue } = setup();
  file(
    "h.mjs",
    `export function bad() { ${source} return new Promise((resolve) => setTimeout(resolve, 300)); }`,
  );
  const tasks = queue();
  const { id } = await tasks.add("bad", { secret: "payload-text" });
  const worker = start(["worker", "--queue", "q", "--handler", "h.mjs"]);
  expect(await worker.ended).toBe(1);
  expect(await worker.logged("an error outside of handlers")).toMatchObject({
    level: 60,
    err: { message: "late" },
    tasks: [`bad ${id}`],
  });
  expect(await worker.logged("worker stopped")).toMatchObject({ completed: 1 });
  expect(JSON.stringify(worker.logs)).not.toContain("payload-text");
});

it("logs failed and dead tasks by name and error, never their payload", async () => {
  const { start, file, queue } = setup();
  file("h.mjs", `export function n() { throw new TypeError("no way"); }`);
  const tasks = queue();
  const { id } = await tasks.add("n", "payload-text", { attempts: 2, backoff: { type: "fixed", delay: 1 } });
  const worker = start(["worker", "--queue", "q", "--handler", "h.mjs"]);
  const about = { queue: "q", taskName: "n", taskId: id, error: { type: "TypeError", message: "no way" } };
  expect(await worker.logged("task is dead")).toMatchObject({ level: 40, attempt: 2, ...about });
  expect(await worker.logged("task failed")).toMatchObject({ level: 30, attempt: 1, ...about });
  expect(JSON.stringify(worker.logs)).not.toContain("payload-text");
});

it.runIf(hasTerminal)("logs JSON on a terminal too when it is told so", async () => {
  const { prefix, base } = setupCli();
  const env = { DELAYQ_REDIS_URL: base.connection as string, DELAYQ_PREFIX: prefix };
  const [people, programs] = [[], ["--json"]].map((flags) =>
    startInTerminal(["scheduler", "--queue", "q", ...flags], env),
  ) as [TerminalRun, TerminalRun];
  await people.until(/INFO.*: .*scheduler started/);
  await programs.until(/\n\{"level":30,.*"msg":"scheduler started"\}\r\n/);
  for (const run of [people, programs]) {
    run.type("\u0003");
    await run.until(/code=0/);
  }
});
