import { RELEASE, verdictOnFailure, verdictOnResult, type Verdict } from "../core/verdict.ts";
import type { QueueInstruments, RunOutcome } from "../runtime/instruments.ts";
import { tryToLog, type Logger } from "../runtime/logger.ts";
import { attemptOf, type TaskLog } from "../runtime/task-log.ts";
import type { Runs } from "../telemetry/runs.ts";
import type { FindHandler, HandlerContext } from "./handler.ts";
import type { HeldTask } from "./held-task.ts";
import { HeldTasks } from "./held-tasks.ts";
import { WaitingTasks } from "./waiting-tasks.ts";

/**
 * Runs handlers, as many at a time as there are slots, and decides what becomes of their tasks, once for each: by what the
 * handler returned or threw, by its time running out, or from outside (`abandon`). A slot stays taken until the handler has
 * really returned. Tasks that come before one is free wait for it.
 */
export interface RunnerOptions {
  /** How many slots there are. */
  readonly concurrency: number;
  readonly findHandler: FindHandler;
  readonly logger: Logger;
  readonly taskLog: TaskLog;
  readonly instruments: QueueInstruments;
  /** How long a task whose name has no handler here waits, in ms: for a worker that has one. */
  readonly unhandledDelayMs: number;
  readonly runs: Runs;
  readonly onVerdict: (held: HeldTask, verdict: Verdict, result: unknown) => void;
  readonly onReturned: () => void;
  /** Tasks have waited for a slot for too long, and go back. */
  readonly onWaitedTooLong: () => void;
  readonly onProgress: (held: HeldTask, value: unknown) => void;
}

export class TaskTimeoutError extends Error {
  override readonly name = "TaskTimeoutError";
}

export class Runner {
  readonly #options: RunnerOptions;
  readonly #running = new HeldTasks("runSeat");
  readonly #unhandled = new Set<string>();
  readonly #onIdle: (() => void)[] = [];
  readonly #waiting: WaitingTasks;
  #isStartingWaiting = false;
  #freed = 0;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#waiting = new WaitingTasks(
      (held) => this.#giveBack(held),
      () => options.onWaitedTooLong(),
    );
  }

  get running(): Pick<HeldTasks, "size" | "all"> {
    return this.#running;
  }

  /** How many slots have no task; less than none while tasks wait. */
  get slots(): number {
    return this.#options.concurrency - this.#running.size - this.#waiting.count;
  }

  /** How many slots have become free since the beginning. */
  get freed(): number {
    return this.#freed;
  }

  /**
   * Runs it, or lets it wait for a slot.
   *
   * @param triedMs when its claim was tried, on the clock of `performance.now()`
   */
  start(held: HeldTask, triedMs: number): void {
    if (this.#running.size < this.#options.concurrency) this.#start(held, triedMs);
    else this.#waiting.push(held, triedMs);
  }

  /** Tasks that wait go back as they were. */
  giveBackWaiting(): void {
    this.#waiting.clear();
  }

  #start(held: HeldTask, triedMs: number): void {
    if (held.isLost) return;
    if (held.deadlineMs <= performance.now()) {
      this.decline(held, RELEASE);
      return;
    }
    const { task, kept } = held;
    const handler = this.#options.findHandler(task.name);
    if (handler === undefined) {
      this.#postponeUnhandled(held);
      return;
    }
    const { taskLog, instruments } = this.#options;
    // Of a run that is traced all is said within its trace.
    const run = (held.run = this.#options.runs.begin(task, held.trace));
    if (run === undefined) taskLog.started(task);
    else run.within(() => taskLog.started(task));
    held.isStarted = true;
    this.#running.add(held);
    if (taskLog.isTiming || instruments.times !== undefined) this.#noteStart(held, triedMs);
    const timer =
      kept.timeoutMs === 0
        ? undefined
        : setTimeout(() => {
            const reason = new TaskTimeoutError(`took longer than ${kept.timeoutMs} ms`);
            this.#failed(held, reason, true);
            held.abort(reason);
          }, kept.timeoutMs);
    this.#run(handler, held, timer);
  }

  /** What returns at once is done at once: most of what a short task costs here is promises. */
  #run(
    handler: NonNullable<ReturnType<FindHandler>>,
    held: HeldTask,
    timer: NodeJS.Timeout | undefined,
  ): void {
    const { run } = held;
    try {
      const context = new Context(held, this.#options);
      const returned =
        run === undefined ? handler(held.task, context) : run.within(() => handler(held.task, context));
      if (isThenable(returned)) {
        void this.#runOn(held, returned, timer); // never rejects
        return;
      }
      this.#succeeded(held, returned);
    } catch (thrown) {
      this.#threw(held, thrown);
    }
    this.#ended(held, timer);
  }

  async #runOn(
    held: HeldTask,
    returned: PromiseLike<unknown>,
    timer: NodeJS.Timeout | undefined,
  ): Promise<void> {
    try {
      this.#succeeded(held, await returned);
    } catch (thrown) {
      this.#threw(held, thrown);
    }
    this.#ended(held, timer);
  }

  #succeeded(held: HeldTask, result: unknown): void {
    this.#decide(held, verdictOnResult(held.kept, result), undefined, result);
  }

  #threw(held: HeldTask, thrown: unknown): void {
    this.#failed(held, thrown);
  }

  #failed(held: HeldTask, thrown: unknown, isTimedOut = false): void {
    const { task, kept } = held;
    if (held.isDecided) return;
    const verdict = verdictOnFailure(kept, task.attempt, thrown, Math.random(), isTimedOut);
    this.#decide(held, verdict, thrown);
    // What is postponed has not failed, and of a lost lease nothing counts any more.
    if (!("error" in verdict) || held.isLost) return;
    const error = "wholeError" in verdict ? verdict.wholeError : verdict.error;
    const retryInMs = verdict.kind === "retry" ? verdict.ms : undefined;
    const { durationMs } = held;
    const { taskLog } = this.#options;
    const tell = (): void => taskLog.failed(task, error, { isTimedOut, durationMs, retryInMs });
    if (held.run === undefined) tell();
    else held.run.within(tell);
  }

  #ended(held: HeldTask, timer: NodeJS.Timeout | undefined): void {
    clearTimeout(timer);
    this.#running.delete(held);
    this.#freed++;
    this.#startWaiting();
    if (this.#running.size === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    this.#options.onReturned();
  }

  /** What returns at once makes room for the next here, not one within the other. */
  #startWaiting(): void {
    if (this.#isStartingWaiting) return;
    this.#isStartingWaiting = true;
    try {
      while (this.#running.size < this.#options.concurrency) {
        const next = this.#waiting.shift();
        if (next === undefined) break;
        this.#start(next.held, next.triedMs);
      }
    } finally {
      this.#isStartingWaiting = false;
    }
  }

  #giveBack(held: HeldTask): void {
    this.decline(held, RELEASE);
    this.#options.onReturned();
  }

  /** Resolves when no handler is running. */
  async drained(): Promise<void> {
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  /** Decides for a task that is not started. */
  decline(held: HeldTask, verdict: Verdict): void {
    this.#decide(held, verdict);
  }

  /** Decides for the handler, and tells it. */
  abandon(held: HeldTask, verdict: Verdict, reason: Error): void {
    this.#decide(held, verdict);
    held.abort(reason);
  }

  /** The lease is gone. Its handler may go on, and need not end: so its run ends here for all who are told of it. */
  lose(held: HeldTask): void {
    if (held.isDecided) return;
    if (held.startedMs !== undefined)
      this.#options.instruments.times?.ran("lease_lost", performance.now() - held.startedMs);
    held.run?.end("lease_lost");
  }

  #decide(held: HeldTask, verdict: Verdict, thrown?: unknown, result?: unknown): void {
    if (held.isDecided) return;
    held.isDecided = true;
    if (held.startedMs !== undefined) this.#noteEnd(held, held.startedMs, verdict);
    held.run?.end(verdict.kind, thrown);
    this.#options.onVerdict(held, verdict, result);
  }

  /** How late it is, counted from before its claim was sent: so what the event loop was blocked for since is within. */
  #noteStart(held: HeldTask, triedMs: number): void {
    const { startedAtMs: claimedAtMs = 0, dueAtMs } = held.task;
    held.startedMs = performance.now();
    this.#options.instruments.times?.startLag.observe(claimedAtMs - dueAtMs + held.startedMs - triedMs);
  }

  #noteEnd(held: HeldTask, startedMs: number, verdict: Verdict): void {
    held.durationMs = performance.now() - startedMs;
    if (!held.isLost) this.#options.instruments.times?.ran(outcomeOf(verdict), held.durationMs);
  }

  #postponeUnhandled(held: HeldTask): void {
    const { name } = held.task;
    if (!this.#unhandled.has(name)) {
      tryToLog(() =>
        this.#options.logger.warn(
          { queue: held.task.queue, taskName: name },
          "no handler for tasks of this name here; leaving them to other workers",
        ),
      );
      if (this.#unhandled.size < 1000) this.#unhandled.add(name);
    }
    this.#decide(held, { kind: "postpone", ms: this.#options.unhandledDelayMs, isUnhandled: true });
    this.#options.onReturned();
  }
}

function outcomeOf(verdict: Verdict): RunOutcome {
  switch (verdict.kind) {
    case "ack":
    case "keep":
      return "completed";
    case "retry":
    case "bury":
      return verdict.isTimedOut ? "timed_out" : "failed";
    case "postpone":
      return "postponed";
    case "release":
    case "expire": // of a task that was not started, so it is not asked for
      return "released";
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  ((typeof value === "object" && value !== null) || typeof value === "function") &&
  "then" in value &&
  typeof value.then === "function";

/** Makes its parts only for handlers that use them. */
class Context implements HandlerContext {
  readonly #held: HeldTask;
  readonly #options: RunnerOptions;

  constructor(held: HeldTask, options: RunnerOptions) {
    this.#held = held;
    this.#options = options;
  }

  get signal(): AbortSignal {
    return this.#held.signal;
  }

  get fence(): number {
    return Number(this.#held.fence);
  }

  get log(): Logger {
    return this.#options.logger.child(attemptOf(this.#held.task));
  }

  get progress(): (value: unknown) => void {
    return (value) => this.#options.onProgress(this.#held, value);
  }
}
