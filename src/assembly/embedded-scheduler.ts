import type { Inside } from "../runtime/inside.ts";
import type { Logger } from "../runtime/logger.ts";
import type { TaskLog } from "../runtime/task-log.ts";
import { SchedulerCore } from "../scheduler/scheduler-core.ts";
import { Connection } from "../store/connection.ts";
import type { ConnectionOption } from "../store/connection-options.ts";
import { REDIS_TIME, type GivenTime } from "../store/queue-store.ts";

export interface EmbeddedSchedulerOptions {
  readonly connection: ConnectionOption | undefined;
  readonly prefix: string;
  readonly slowPollMs: number;
  readonly logger: Logger;
  readonly taskLog: TaskLog;
  readonly time: GivenTime | undefined;
  readonly claimDue: ClaimDue;
}

/** Tells a worker that a task is due in a shard. Returns whether it claims it: not if another one does already. */
type ClaimDue = (shard: number, isClaimed: boolean) => boolean;

/** A scheduler that serves the queues of all workers that are to be served alike. */
interface SharedScheduler {
  readonly core: SchedulerCore;
  readonly connection: Connection;
  readonly prefix: string;
  readonly slowPollMs: number;
  readonly time: GivenTime;
  /** Queue -> the workers that want it served. */
  readonly wanted: Map<string, Set<EmbeddedScheduler>>;
}

const running = new Set<SharedScheduler>();

/**
 * A worker's part in the scheduler of its process. However many workers and queues a process has, those with the same
 * Redis, prefix and `slowPollMs` share one scheduler, which is one member with one heartbeat. It begins with the first of
 * them, logs where and as that one does, and ends with the last.
 *
 * The workers know without a message when a task is due in the shards that it owns: one whose turn it is claims just before
 * the tick, which hands out the rest. A task then starts one round trip after it is due instead of two.
 */
export class EmbeddedScheduler {
  readonly claimDue: ClaimDue;
  readonly #queue: string;
  readonly #connection: Connection;
  readonly #shared: SharedScheduler;
  #left: Promise<void> | undefined;

  constructor(queue: string, options: EmbeddedSchedulerOptions) {
    this.#queue = queue;
    this.claimDue = options.claimDue;
    this.#connection = Connection.acquire(options.connection, options.logger);
    this.#shared = sharedOf(this.#connection, options);
    const { core, wanted } = this.#shared;
    wanted.set(queue, (wanted.get(queue) ?? new Set()).add(this));
    core.serve(queue);
  }

  /** What it sees of the queue. */
  get inside(): Inside {
    const { core } = this.#shared;
    return { ...core.inside, queues: [core.instrumentsOf(this.#queue)] };
  }

  /** The queue is no longer served for this worker's sake; resolves when that has been seen to. */
  async leave(): Promise<void> {
    this.#left ??= this.#leave();
    await this.#left;
  }

  async #leave(): Promise<void> {
    const { core, wanted } = this.#shared;
    const workers = wanted.get(this.#queue);
    workers?.delete(this);
    const isLast = workers?.size === 0;
    if (isLast) wanted.delete(this.#queue);
    if (wanted.size === 0) {
      running.delete(this.#shared); // a worker that begins now gets a new one
      await core.close();
    } else if (isLast) await core.leave(this.#queue);
    this.#connection.release();
  }
}

function sharedOf(
  connection: Connection,
  { prefix, slowPollMs, logger, taskLog, time = REDIS_TIME }: EmbeddedSchedulerOptions,
): SharedScheduler {
  for (const one of running) {
    const isAlike = one.connection === connection && one.prefix === prefix && one.slowPollMs === slowPollMs;
    if (isAlike && one.time === time) return one;
  }
  const wanted: SharedScheduler["wanted"] = new Map();
  const core = new SchedulerCore(connection, {
    prefix,
    slowPollMs,
    logger,
    taskLog,
    time,
    onDue: (queue, shard) => {
      let isClaimed = false;
      for (const { claimDue } of wanted.get(queue) ?? []) isClaimed = claimDue(shard, isClaimed) || isClaimed;
    },
  });
  const shared = { core, connection, prefix, slowPollMs, time, wanted };
  running.add(shared);
  core.start();
  return shared;
}
