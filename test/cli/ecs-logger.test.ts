import type { Logger, LoggerOptions } from "pino";
import { expect, test } from "vitest";
import { describeFailure } from "../../src/core/failure.ts";
import { ecsLogger } from "../../src/cli/log/ecs-logger.ts";
import { TaskLog } from "../../src/runtime/task-log.ts";
import { DelayqError, type Task } from "../../src/index.ts";
import { ecsFaults } from "../support/ecs.ts";

/** A logger, and its lines as text. */
function setup(options: Parameters<typeof ecsLogger>[0] = {}): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const log = ecsLogger(
    { name: "delayq", level: "trace", ...options },
    { write: (line) => void lines.push(line) },
  );
  return { log, lines };
}

const parsed = (lines: readonly string[]) => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
const faults = (lines: readonly string[]): string[] => lines.flatMap(ecsFaults);

const task: Task = {
  id: "t1",
  queue: "q",
  shard: 3,
  name: "mail",
  data: { secret: 1 },
  state: "leased",
  dueAtMs: 1000,
  addedAtMs: 900,
  startedAtMs: 1007,
  attempt: 2,
  priority: 0,
};

test("puts the steps of a task into their places in the schema", () => {
  const { log, lines } = setup();
  const steps = new TaskLog(log, { taskLogLevel: "debug", logPayloads: false });
  steps.started(task);
  steps.settled(task, { kind: "ack" }, 12.3456);
  steps.failed(task, describeFailure(new RangeError("no way")), {
    isTimedOut: true,
    durationMs: 5,
    retryInMs: 1000,
  });
  expect(faults(lines)).toEqual([]);
  const ours = { queue: "q", taskId: "t1", taskName: "mail", shard: 3, attempt: 2 };
  expect(parsed(lines)).toEqual([
    expect.objectContaining({
      "log.level": "debug",
      "log.logger": "delayq",
      "service.name": "delayq",
      "event.dataset": "delayq.log",
      "event.kind": "event",
      "event.action": "task.started",
      message: "task started",
      delayq: { ...ours, lagMs: 7 },
    }),
    expect.objectContaining({
      "event.action": "task.completed",
      "event.outcome": "success",
      "event.duration": 12_346_000,
      delayq: ours,
    }),
    expect.objectContaining({
      "log.level": "info",
      "event.action": "task.timed_out",
      "event.outcome": "failure",
      "event.duration": 5_000_000,
      error: {
        type: "RangeError",
        message: "no way",
        stack_trace: expect.stringMatching(/^RangeError: no way\n {4}at /),
      },
      delayq: { ...ours, retryInMs: 1000 },
    }),
  ]);
});

test("never says a key twice, nor one of the schema with another type, whatever is logged", () => {
  const { log, lines } = setup();
  const hostile = {
    "@timestamp": 7,
    "log.level": "x",
    level: "x",
    time: 1,
    pid: "x",
    hostname: 1,
    name: {},
    message: 4,
    msg: [],
    event: { a: 1 },
    outcome: "maybe",
    durationMs: "long",
    error: "x",
    host: "x",
    user: "x",
    process: 1,
    delayq: { delayq: 1 },
    labels: [],
    trace_id: 1,
    taskId: 1,
  };
  const child = log.child({ taskId: "t1", queue: "q" });
  const grandchild = child.child({ queue: "p", ...hostile });
  grandchild.setBindings({ queue: "r", more: 1 });
  for (const logger of [log, child, grandchild, grandchild.child({}, { msgPrefix: "p: " })]) {
    logger.info(hostile, "text");
    logger.info({ queue: "s" });
    logger.warn("only text");
    logger.error(new Error("only an error"));
    logger.debug(undefined);
    for (const durationMs of [-1, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_VALUE])
      logger.info({ durationMs }, "text");
    for (const err of ["text", undefined, null, 7, {}, { message: 1 }, { message: "m" }])
      logger.info({ err, error: err }, "text");
  }
  expect(faults(lines.filter((line) => "message" in (JSON.parse(line) as object)))).toEqual([]);
  expect(faults(lines.filter((line) => !("message" in (JSON.parse(line) as object))))).toEqual(
    expect.arrayContaining(["message is missing"]),
  );
});

test("keeps the bindings of children, and lets a line say otherwise", () => {
  const { log, lines } = setup();
  const child = log.child({ queue: "q", taskId: "t1" }).child({ taskId: "t2", step: 1 });
  child.info({ step: 2 }, "text");
  log.info("text");
  expect(parsed(lines).map(({ delayq }) => delayq)).toEqual([
    { queue: "q", taskId: "t2", step: 2 },
    undefined,
  ]);
});

test("says an error's code and what caused it", () => {
  const { log, lines } = setup();
  const cause = new TypeError("the socket is closed");
  log.error({ err: new DelayqError("DELAYQ_REDIS_UNAVAILABLE", "Redis is away", { cause }) }, "text");
  log.error({ error: cause }, "text");
  log.error({ err: "only a text" }, "text");
  log.error({ err: undefined }, "text");
  expect(faults(lines)).toEqual([]);
  expect(parsed(lines).map(({ error }) => error)).toEqual([
    {
      type: "DelayqError",
      code: "DELAYQ_REDIS_UNAVAILABLE",
      message: "Redis is away",
      stack_trace: expect.stringContaining("caused by: TypeError: the socket is closed"),
    },
    { type: "TypeError", message: "the socket is closed", stack_trace: expect.any(String) },
    { type: "string", message: "only a text" },
    undefined,
  ]);
});

test("hides what is to be hidden, of a line and of a child", () => {
  const { log, lines } = setup({ redact: ["data", "task.data"] });
  log.info({ data: { a: "secret" }, task }, "text");
  log.child({ data: "secret" }).info("text");
  expect(lines.join("")).not.toContain("secret");
});

test("takes the ids of a trace from a mixin", () => {
  const mixin: LoggerOptions["mixin"] = () => ({ trace_id: "a".repeat(32), span_id: "b".repeat(16) });
  const { log, lines } = setup({ mixin });
  log.child({ queue: "q" }).info("text");
  expect(faults(lines)).toEqual([]);
  expect(parsed(lines)).toEqual([
    expect.objectContaining({
      "trace.id": "a".repeat(32),
      "span.id": "b".repeat(16),
      delayq: { queue: "q" },
    }),
  ]);
});
