import { DelayqError } from "../core/errors.ts";
import { checkKeyPart } from "../core/names.ts";
import { schedulerOptionsSchema, type TaskLogLevel } from "../core/options.ts";
import { parseOptions, show } from "../core/validate.ts";
import { INSIDE, type Inside } from "../runtime/inside.ts";
import { defaultLogger, type Logger } from "../runtime/logger.ts";
import { TaskLog } from "../runtime/task-log.ts";
import { Connection } from "../store/connection.ts";
import type { ConnectionOption } from "../store/connection-options.ts";
import { REDIS_TIME, type GivenTime } from "../store/queue-store.ts";
import { SchedulerCore } from "./scheduler-core.ts";

export interface SchedulerOptions {
  /** As for `Queue`. */
  connection?: ConnectionOption;
  /** What all keys begin with. Default `dq`. */
  prefix?: string;
  /** How long an idle shard is left alone at most when no hint comes, in ms. Default 60,000. */
  slowPollMs?: number;
  /** Any pino. Default: warnings as JSON on stderr. */
  logger?: Logger;
  /** At which level tasks are logged whose lease expired, as docs/logs.md says; "silent" for none. Default "debug". */
  taskLogLevel?: TaskLogLevel;
}

/**
 * Wakes when tasks are due, brings them to their workers, and takes tasks back whose worker has died. Any number may run:
 * two of the live ones share the shards of a queue, the others stand by. Starts at once; waits for queues that do not
 * exist yet.
 */
export class Scheduler {
  readonly queues: readonly string[];
  readonly id: string;
  readonly #connection: Connection;
  readonly #core: SchedulerCore;
  #closed: Promise<void> | undefined;

  /**
   * @param time for tests: the time that scripts are given instead of Redis TIME
   * @throws DelayqError `DELAYQ_INVALID_OPTION`, `DELAYQ_INVALID_NAME`
   */
  constructor(queues: readonly string[], options: SchedulerOptions = {}, time: GivenTime = REDIS_TIME) {
    if (!Array.isArray(queues) || queues.length === 0) {
      throw new DelayqError(
        "DELAYQ_INVALID_OPTION",
        `Expected the scheduler's queues to be a list of at least one name, got ${show(queues)}.`,
      );
    }
    this.queues = [...new Set(queues.map((queue) => checkKeyPart("queue name", queue)))];
    const parsed = parseOptions(schedulerOptionsSchema, options, "the options of Scheduler");
    const prefix = checkKeyPart("prefix", parsed.prefix);
    const logger = options.logger ?? defaultLogger();
    this.#connection = Connection.acquire(options.connection, logger);
    this.#core = new SchedulerCore(this.#connection, {
      prefix,
      slowPollMs: parsed.slowPollMs,
      logger,
      taskLog: new TaskLog(logger, { ...parsed, logPayloads: false }),
      time,
    });
    this.id = this.#core.id;
    for (const queue of this.queues) this.#core.serve(queue);
    this.#core.start();
  }

  /** @internal */
  [INSIDE](): Inside {
    return this.#core.inside;
  }

  /** Hands its shards over and ends. */
  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    await this.#core.close();
    this.#connection.release();
  }
}
