import type { TaskLogLevel } from "../core/options.ts";
import { TASK_LOG_LEVELS } from "../core/options.ts";
import type { AddedTask, Task, TaskError } from "../core/task.ts";
import type { Verdict } from "../core/verdict.ts";
import { loggerThrew, type Logger } from "./logger.ts";

/**
 * What is logged of a task's life: one line a step, and this is the only place where such lines are made. Their fields are
 * described in docs/logs.md; whoever reads logs counts on them.
 *
 * Steps are logged at one level, the one of the option; those that somebody may have to look into at least at their own. A
 * step that is not logged costs the look at the level and nothing else: no line is made to be thrown away. A logger that throws
 * costs its lines and nothing else.
 */
export const STEPS = {
  added: { least: "trace", message: "task added" },
  existed: { least: "trace", message: "a task of this id was there; nothing was added" },
  started: { least: "trace", message: "task started" },
  completed: { least: "trace", message: "task completed" },
  failed: { least: "info", message: "task failed" },
  timed_out: { least: "info", message: "task timed out" },
  retried: { least: "trace", message: "task will be tried again" },
  buried: { least: "warn", message: "task is dead" },
  expired: { least: "info", message: "task has expired; it was not run" },
  postponed: { least: "trace", message: "task postponed, with no attempt used" },
  released: { least: "trace", message: "task released, with no attempt used" },
  lease_lost: { least: "warn", message: "lease lost; another worker may run the task" },
  recovered: { least: "info", message: "lease expired; the task will run again" },
  cancelled: { least: "trace", message: "task cancelled" },
  rescheduled: { least: "trace", message: "task rescheduled" },
  updated: { least: "trace", message: "task given another payload" },
  made_due: { least: "trace", message: "task made due now" },
  requeued: { least: "trace", message: "dead task requeued" },
  purged: { least: "trace", message: "task purged" },
} as const satisfies Record<string, { least: TaskLogLevel; message: string }>;

export type Step = keyof typeof STEPS;

/** What the words of the verbs mean; any other outcome changed nothing. */
const CHANGES: Readonly<Record<string, Step>> = {
  cancelled: "cancelled",
  rescheduled: "rescheduled",
  updated: "updated",
  due: "made_due",
  requeued: "requeued",
  purged: "purged",
};

const STEP_OF = {
  ack: "completed",
  keep: "completed",
  retry: "retried",
  bury: "buried",
  expire: "expired",
  postpone: "postponed",
  release: "released",
} as const satisfies Record<Verdict["kind"], Step>;

export interface TaskLogOptions {
  readonly taskLogLevel: TaskLogLevel;
  /** Whether the payload stands in the lines of tasks that are added or started. */
  readonly logPayloads: boolean;
}

interface Failure {
  readonly isTimedOut: boolean;
  readonly durationMs: number | undefined;
  /** Undefined if it will not be tried again. */
  readonly retryInMs: number | undefined;
}

type Level = Exclude<TaskLogLevel, "silent">;
type Fields = Readonly<Record<string, unknown>>;

export class TaskLog {
  readonly #logger: Logger;
  readonly #showsPayloads: boolean;
  /** None at all: undefined. */
  readonly #levels: Readonly<Record<Step, Level>> | undefined;
  /** Which steps are logged in this turn of the event loop, as far as somebody asked. */
  #on: Partial<Record<Step, boolean>> = {};
  #forgets = false;

  constructor(logger: Logger, { taskLogLevel, logPayloads }: TaskLogOptions) {
    this.#logger = logger;
    this.#showsPayloads = logPayloads;
    this.#levels = taskLogLevel === "silent" ? undefined : levelsFrom(taskLogLevel);
  }

  /** Whether there may be a line that says how long a handler took. */
  get isTiming(): boolean {
    return this.#isOn("failed");
  }

  added(task: AddedTask): void {
    const step = task.existed ? "existed" : "added";
    if (!this.#isOn(step)) return;
    const { dueAtMs, data } = task;
    this.#write(step, {
      ...identityOf(task),
      ...(!task.existed && { dueAtMs, ...(this.#showsPayloads && { data: data as unknown }) }),
    });
  }

  /** @param outcome the word that a verb answered with */
  changed(queue: string, shard: number, taskId: string, outcome: string): void {
    const step = CHANGES[outcome];
    if (step !== undefined && this.#isOn(step)) this.#write(step, { queue, taskId, shard });
  }

  started(task: Task): void {
    if (!this.#isOn("started")) return;
    this.#write("started", {
      ...attemptOf(task),
      lagMs: lagOf(task),
      ...(this.#showsPayloads && { data: task.data as unknown }),
    });
  }

  failed(task: Task, error: TaskError, { isTimedOut, durationMs, retryInMs }: Failure): void {
    const step = isTimedOut ? "timed_out" : "failed";
    if (!this.#isOn(step)) return;
    this.#write(step, {
      ...attemptOf(task),
      ...timed(durationMs),
      ...(retryInMs !== undefined && { retryInMs }),
      outcome: "failure",
      error: errorOf(error),
    });
  }

  /** What became of a task that this worker held, once Redis knows it. */
  settled(task: Task, verdict: Verdict, durationMs: number | undefined): void {
    const step = STEP_OF[verdict.kind];
    if (!this.#isOn(step)) return;
    this.#write(step, { ...attemptOf(task), ...settlementOf(task, verdict, durationMs) });
  }

  leaseLost(task: Task): void {
    if (this.#isOn("lease_lost")) this.#write("lease_lost", { ...attemptOf(task), outcome: "unknown" });
  }

  /** Of leases that expired the scheduler knows the ids only. */
  reaped(queue: string, shard: number, recovered: readonly string[], buried: readonly string[]): void {
    if (this.#isOn("recovered"))
      for (const taskId of recovered) this.#write("recovered", { queue, taskId, shard });
    if (!this.#isOn("buried")) return;
    const error = { type: "LeaseExpired", message: "its lease expired too often, or at its last attempt" };
    for (const taskId of buried) this.#write("buried", { queue, taskId, shard, outcome: "failure", error });
  }

  /** Asked of the logger once in a turn of the event loop: that costs as much as the rest of a small task. */
  #isOn(step: Step): boolean {
    if (this.#levels === undefined) return false;
    return (this.#on[step] ??= this.#asks(this.#levels[step]));
  }

  #asks(level: Level): boolean {
    if (!this.#forgets) {
      this.#forgets = true;
      setImmediate(() => {
        this.#forgets = false;
        this.#on = {};
      });
    }
    try {
      return this.#logger.isLevelEnabled(level);
    } catch (error) {
      loggerThrew(error);
      return false;
    }
  }

  #write(step: Step, fields: Fields): void {
    if (this.#levels === undefined) return;
    try {
      this.#logger[this.#levels[step]]({ event: `task.${step}`, ...fields }, STEPS[step].message);
    } catch (error) {
      loggerThrew(error);
    }
  }
}

function levelsFrom(chosen: Level): Record<Step, Level> {
  const higher = (a: Level, b: Level): Level =>
    TASK_LOG_LEVELS.indexOf(a) < TASK_LOG_LEVELS.indexOf(b) ? b : a;
  const levels = Object.entries(STEPS).map(([step, { least }]) => [step, higher(chosen, least)]);
  return Object.fromEntries(levels) as Record<Step, Level>;
}

/** What every line of a handler's own log says, too. */
export function attemptOf(task: Task): Fields {
  return { ...identityOf(task), attempt: task.attempt };
}

const identityOf = ({ queue, id, name, shard }: Task): Fields => ({
  queue,
  taskId: id,
  taskName: name,
  shard,
});

function settlementOf(task: Task, verdict: Verdict, durationMs: number | undefined): Fields {
  switch (verdict.kind) {
    case "ack":
    case "keep":
      return { ...timed(durationMs), outcome: "success" };
    case "retry":
      return { retryInMs: verdict.ms, error: errorOf(verdict.error) };
    case "bury":
      return { outcome: "failure", error: errorOf(verdict.error) };
    case "expire":
      return { lagMs: lagOf(task), outcome: "failure" };
    case "postpone":
      return { retryInMs: verdict.ms };
    case "release":
      return {};
  }
}

/** How late it was claimed; where handlers are quick it may have waited for a slot since, for moments. */
const lagOf = ({ startedAtMs = 0, dueAtMs }: Task): number => startedAtMs - dueAtMs;

const timed = (durationMs: number | undefined): Fields =>
  durationMs === undefined ? {} : { durationMs: Math.round(durationMs * 1000) / 1000 };

const errorOf = ({ name, message, stack }: TaskError): Fields => ({
  type: name,
  message,
  ...(stack !== undefined && { stack }),
});
