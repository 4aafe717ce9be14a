import type { AnyTasks, TaskTypes } from "../core/task.ts";
import { INSIDE, type Inside } from "../runtime/inside.ts";
import type { GivenTime } from "../store/queue-store.ts";
import type { Handlers } from "../worker/handler.ts";
import { TaskWorker, type TaskWorkerOptions } from "../worker/task-worker.ts";
import { EmbeddedScheduler } from "./embedded-scheduler.ts";

/** Where worker and scheduler, which know nothing of each other, are put into one process. */
export interface WorkerOptions extends TaskWorkerOptions {
  /**
   * Whether this process also runs a scheduler for the queue, so that one process is enough to begin with. Workers with
   * the same connection, prefix and `slowPollMs` share one, which logs where the first of them does, at its
   * `taskLogLevel`. Default true.
   */
  scheduler?: boolean;
  /** Whether to begin at once; else with `run()`. Default true. */
  autorun?: boolean;
}

/** Runs the tasks of a queue. Starts at once, unless `autorun` is false; waits for a queue that does not exist yet. */
export class Worker<T extends TaskTypes<T> = AnyTasks> extends TaskWorker<T> {
  readonly #startScheduler: () => EmbeddedScheduler;
  #scheduler: EmbeddedScheduler | undefined;

  /** @throws DelayqError `DELAYQ_INVALID_OPTION`, `DELAYQ_INVALID_NAME`, `DELAYQ_INVALID_HANDLER` */
  constructor(queue: string, handlers: Handlers<T>, options: WorkerOptions = {}, time?: GivenTime) {
    super(queue, handlers, options, time);
    const { prefix, slowPollMs } = this.parsed;
    const { connection } = options;
    this.#startScheduler = () =>
      new EmbeddedScheduler(queue, {
        connection,
        prefix,
        slowPollMs,
        logger: this.logger,
        taskLog: this.taskLog,
        time,
        claimDue: (shard, isClaimed) => this.claimDue(shard, isClaimed),
      });
    if (this.parsed.autorun) this.run();
  }

  override run(): void {
    super.run();
    if (this.parsed.scheduler) this.#scheduler ??= this.#startScheduler();
  }

  /** @internal */
  override [INSIDE](): Inside {
    const inside = super[INSIDE]();
    const scheduler = this.#scheduler?.inside;
    if (scheduler === undefined) return inside;
    return {
      ...inside,
      queues: [...inside.queues, ...scheduler.queues],
      loops: [...inside.loops, ...scheduler.loops],
    };
  }

  override async close(options: { graceMs?: number } = {}): Promise<void> {
    await super.close(options);
    await this.#scheduler?.leave(); // last: till then it serves what this worker releases
  }
}
