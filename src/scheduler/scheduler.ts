import { hostname } from "node:os";
import { DelayqError } from "../core/errors.ts";
import { memberId } from "../core/ids.ts";
import { checkKeyPart } from "../core/names.ts";
import { schedulerOptionsSchema } from "../core/options.ts";
import { parseOptions, show } from "../core/validate.ts";
import { defaultLogger, type Logger } from "../runtime/logger.ts";
import { Connection } from "../store/connection.ts";
import type { ConnectionOption } from "../store/connection-options.ts";
import { Heartbeat } from "../store/heartbeat.ts";
import type { Member } from "../store/member-store.ts";
import { QueueStore, REDIS_TIME, type GivenTime } from "../store/queue-store.ts";
import { QueueWatch } from "../store/queue-watch.ts";
import { logFailure } from "../store/log-failure.ts";
import { QueueService } from "./queue-service.ts";

export interface SchedulerOptions {
  /** As for `Queue`. */
  connection?: ConnectionOption;
  /** What all keys begin with. Default `dq`. */
  prefix?: string;
  /** How long an idle shard is left alone at most when no hint comes, in ms. Default 30,000. */
  slowPollMs?: number;
  /** Any pino. Default: warnings as JSON on stderr. */
  logger?: Logger;
}

const BEAT_MS = 1000;
const TTL_MS = 2000;

/**
 * Wakes when tasks are due, brings them to their workers, and takes tasks back whose worker has died. Any number may run:
 * the live ones share the shards of their queues. Starts at once; waits for queues that do not exist yet.
 */
export class Scheduler {
  readonly queues: readonly string[];
  readonly id = memberId();
  readonly #connection: Connection;
  readonly #options: { prefix: string; slowPollMs: number };
  readonly #logger: Logger;
  readonly #time: GivenTime;
  readonly #heartbeat: Heartbeat;
  readonly #watch: QueueWatch;
  readonly #services = new Map<string, QueueService>();
  #members: readonly Member[] = [];
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
    this.#options = { prefix: checkKeyPart("prefix", parsed.prefix), slowPollMs: parsed.slowPollMs };
    this.#logger = options.logger ?? defaultLogger();
    this.#time = time;
    this.#connection = Connection.acquire(options.connection, this.#logger);
    const { prefix } = this.#options;
    const onError = logFailure(this.#logger);
    this.#heartbeat = new Heartbeat(this.#connection, {
      prefix,
      member: this.id,
      facts: { role: "scheduler", queues: this.queues, host: hostname(), pid: process.pid },
      everyMs: BEAT_MS,
      ttlMs: TTL_MS,
      time,
      isListening: true,
      onMembers: (members) => {
        this.#members = members;
        this.#rebalance();
      },
      onError,
    });
    this.#watch = new QueueWatch(this.#connection, {
      prefix,
      queues: this.queues,
      onFound: (queue, shards) => this.#serve(queue, shards),
      onError,
    });
    this.#heartbeat.start();
    this.#watch.start();
  }

  /** Hands its shards over and ends. */
  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    await this.#watch.stop();
    await Promise.all([...this.#services.values()].map(async (service) => await service.stop()));
    await this.#heartbeat.stop();
    this.#connection.release();
  }

  #serve(queue: string, shards: number): void {
    const store = new QueueStore(this.#connection, { prefix: this.#options.prefix, queue }, this.#time);
    const service = new QueueService(this.#connection, store, shards, {
      scheduler: this.id,
      slowPollMs: this.#options.slowPollMs,
      logger: this.#logger,
      onStale: () => this.#heartbeat.hint(),
      onGone: () => this.#lose(queue, service),
      onError: logFailure(this.#logger),
    });
    this.#services.set(queue, service);
    service.start();
    this.#rebalance();
  }

  /** The queue was obliterated: find it anew. */
  #lose(queue: string, service: QueueService): void {
    if (this.#services.get(queue) !== service || this.#closed !== undefined) return;
    this.#services.delete(queue);
    void service.stop(); // its tickers report their own failures
    this.#watch.lost(queue);
  }

  /** Members that become known while it closes must not make it take shards again. */
  #rebalance(): void {
    if (this.#closed !== undefined) return;
    for (const [queue, service] of this.#services) {
      const candidates = this.#members.filter(
        ({ role, queues }) => role === "scheduler" && queues.includes(queue),
      );
      service.rebalance(candidates.map(({ id }) => id));
    }
  }
}
