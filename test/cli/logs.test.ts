import { expect, it } from "vitest";
import { ecsFaults } from "../support/ecs.ts";
import { eventually } from "../support/fixture.ts";
import { keysTwice } from "../support/json-keys.ts";
import { setupCli, type LongRun } from "./support/cli.ts";

const HANDLERS = `
export function good(task, { log }) {
  log.info({ task, data: task.data, result: task.data, mine: 1 }, "in the handler");
  return task.data;
}
export function bad() { throw new TypeError("no\\u001b[2Jway"); }
export async function slow(task, { signal }) {
  await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}`;

const ACTIONS = ["buried", "completed", "failed", "started", "timed_out"].map((step) => `task.${step}`);

/** What it wrote on stderr, line by line. */
function linesOf({ child }: LongRun): () => string[] {
  let text = "";
  child.stderr?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return () => text.split("\n").filter((line) => line !== "");
}

/** Lets a worker run tasks that are completed, that fail and that take too long; then it is ended. Gives its lines. */
async function loggedBy(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const { start, file, queue } = setupCli();
  file("h.mjs", HANDLERS);
  const tasks = queue();
  const data = { secret: "payload-text" };
  const opts = { attempts: 1, timeoutMs: 100 };
  await tasks.addBulk(["good", "bad", "slow"].map((name) => ({ name, data, opts })));
  const worker = start(["worker", "--queue", "q", "--handler", "h.mjs", ...args], { env });
  const lines = linesOf(worker);
  await eventually(async () =>
    expect((await tasks.stats()).counters).toMatchObject({ completed: 1, dead: 2 }),
  );
  worker.child.kill("SIGTERM");
  expect(await worker.ended).toBe(0);
  return lines();
}

const distinct = (values: readonly unknown[]): string[] =>
  [...new Set(values.filter((value) => value !== undefined).map(String))].toSorted();

const parsed = (lines: readonly string[]) => lines.map((line) => JSON.parse(line) as Record<string, unknown>);

it("logs JSON with each key once, and hides payloads", async () => {
  const worker = await loggedBy(["--log-level", "debug"]);
  const lines = parsed(worker);
  expect(distinct(lines.map(({ event }) => event))).toEqual(ACTIONS);
  expect(worker.flatMap(keysTwice)).toEqual([]);
  expect(worker.join("")).not.toContain("payload-text");
  expect(lines.find(({ msg }) => msg === "in the handler")).toMatchObject({
    queue: "q",
    taskName: "good",
    attempt: 1,
    mine: 1,
    task: { name: "good", data: "[Redacted]" },
  });
  expect(lines.find(({ event }) => event === "task.failed")).toMatchObject({
    error: { type: "TypeError", message: "no\u001b[2Jway" },
  });
});

it("logs in the Elastic Common Schema, worker and scheduler", async () => {
  const worker = await loggedBy(["--log-level", "debug", "--log-format", "ecs"], {
    OTEL_SERVICE_NAME: "mailer",
  });
  expect(worker.flatMap(ecsFaults)).toEqual([]);
  const lines = parsed(worker);
  expect(distinct(lines.map((line) => line["event.action"]))).toEqual(ACTIONS);
  expect(worker.join("")).not.toContain("payload-text");
  expect(lines.find(({ message }) => message === "in the handler")).toMatchObject({
    "service.name": "mailer",
    delayq: { queue: "q", taskName: "good", mine: 1, task: { data: "[Redacted]" } },
  });
  expect(lines.find((line) => line["event.action"] === "task.timed_out")).toMatchObject({
    "event.outcome": "failure",
    error: { type: "TaskTimeoutError" },
  });
});

it("logs in the Elastic Common Schema in a scheduler, too", async () => {
  const { start } = setupCli();
  const scheduler = start(["scheduler", "--queue", "q", "--log-format", "ecs"]);
  const lines = linesOf(scheduler);
  await eventually(() => expect(lines().join("")).toContain("scheduler started"));
  scheduler.child.kill("SIGTERM");
  expect(await scheduler.ended).toBe(0);
  expect(lines().flatMap(ecsFaults)).toEqual([]);
  expect(parsed(lines())).toContainEqual(
    expect.objectContaining({
      message: "scheduler started",
      delayq: expect.objectContaining({ queues: ["q"] }),
    }),
  );
});

it("logs for people, who are not to be fooled by what tasks say", async () => {
  const worker = await loggedBy([], { DELAYQ_LOG_FORMAT: "pretty", DELAYQ_LOG_LEVEL: "debug" });
  const text = worker.join("\n");
  for (const action of ACTIONS) expect(text).toContain(action);
  expect(text).toContain("in the handler");
  expect(text).toContain("no\\u001b[2Jway");
  expect(text).not.toContain("\u001b[2J");
  expect(text).not.toContain("payload-text");
});

it.each([
  ["json", "err", "stack"],
  ["ecs", "error", "stack_trace"],
])(
  "logs as %s what an error outside of handlers says, and nothing that hangs on it",
  async (format, field, stack) => {
    const { start, file, queue } = setupCli();
    file(
      "h.mjs",
      `export default () => {
      const request = { headers: { Authorization: "hidden" } };
      setTimeout(() => { throw Object.assign(new Error("no\\u009b2Jway"), { code: "E", request }); });
      setTimeout(() => { throw { data: "hidden" }; }, 1);
      return new Promise((resolve) => setTimeout(resolve, 100));
    }`,
    );
    await queue().add("n", null);
    const worker = start(["worker", "--queue", "q", "--handler", "h.mjs", "--log-format", format]);
    const lines = linesOf(worker);
    expect(await worker.ended).toBe(1);
    const text = lines().join("\n");
    expect(text).not.toMatch(/hidden|\u009b/);
    const errors = parsed(lines()).map((line) => line[field]);
    expect(errors).toContainEqual({
      type: "Error",
      code: "E",
      message: "no\u009b2Jway",
      [stack]: expect.stringMatching(/^Error: no\u009b2Jway\n {4}at /),
    });
    expect(errors).toContainEqual({ type: "object", message: "an object that is no error" });
  },
);

it("heeds --json before DELAYQ_LOG_FORMAT, and no variable that is empty", async () => {
  const { start } = setupCli();
  const env = { DELAYQ_LOG_FORMAT: "ecs", DELAYQ_LOG_LEVEL: "", DELAYQ_TASK_LOG_LEVEL: "" };
  const scheduler = start(["scheduler", "--queue", "q", "--json"], { env });
  expect(await scheduler.logged("scheduler started")).toMatchObject({ level: 30, queues: ["q"] });
});

it("logs only what the level lets through, and payloads if it is told to", async () => {
  const quiet = await loggedBy(["--log-level", "warn"]);
  expect(parsed(quiet).map(({ event }) => event)).toEqual(["task.buried", "task.buried"]);
  const open = await loggedBy(["--log-payloads", "--task-log-level", "info"]);
  const secrets = parsed(open).filter((line) => JSON.stringify(line).includes("payload-text"));
  expect(secrets.map(({ msg }) => String(msg)).toSorted()).toEqual([
    "in the handler",
    ...Array(3).fill("task started"),
  ]);
});
