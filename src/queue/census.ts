import type { TaskCounts } from "../core/task.ts";
import { TASK_STATES } from "../core/task.ts";
import type { CallOptions, Connection } from "../store/connection.ts";
import type { ShardKeys } from "../store/keys.ts";
import { MemberStore, type Member } from "../store/member-store.ts";
import { QueueStore, readQueues } from "../store/queue-store.ts";

/**
 * Counts what is in queues, for somebody who does so again and again: from counters and counts alone, so that it costs the
 * same with ten tasks and with ten million, and few shards at a time, so that no other client waits for long.
 *
 * A shard that does not answer costs its queue, and for a moment the shards that wait behind it, but no other queue as long
 * as there is time. Queues for which there was none come first the next time.
 */
export interface QueueCensus extends TaskCounts {
  readonly queue: string;
  readonly paused: boolean;
  readonly shards: number;
  readonly shardsWithoutOwner: number;
  readonly workers: number;
  /** How many handlers they run at the same time, all together. */
  readonly slots: number;
  readonly schedulers: number;
  /** For how long the task has been due that has waited longest; 0 if none waits. */
  readonly oldestDueAgeMs: number;
  /** How many fall due within each of DUE_WITHIN_MS; those that are due already are left out. */
  readonly dueWithin: readonly number[];
  /** Redis' own counters. */
  readonly counters: Readonly<Record<string, number>>;
  readonly exportedAtMs: number | undefined;
}

export interface Census {
  readonly queues: readonly QueueCensus[];
  /** Those that could not be read in time, and why. */
  readonly failures: ReadonlyMap<string, unknown>;
  /** Those that are wanted and not there. */
  readonly missing: readonly string[];
  /** The queue with which the next census is to begin. */
  readonly next: string | undefined;
  /** All that live, whatever they serve. */
  readonly schedulers: number;
}

const MINUTE_MS = 60_000;
export const DUE_WITHIN_MS: Readonly<Record<string, number>> = {
  "1m": MINUTE_MS,
  "5m": 5 * MINUTE_MS,
  "1h": 60 * MINUTE_MS,
  "1d": 24 * 60 * MINUTE_MS,
};

const LANES = 4;
/** How long the calls to one shard may take: some 20,000 times what they do. */
const SHARD_MS = 1000;
const LATELY_MS = 3_600_000;

export interface CensusOptions extends CallOptions {
  /** Which queues; none for all of the registry. Those that are not there are left out. */
  readonly wanted: readonly string[];
  /** What the last census said. */
  readonly next: string | undefined;
}

export async function takeCensus(
  connection: Connection,
  prefix: string,
  { wanted, next, ...options }: CensusOptions,
): Promise<Census> {
  const [registered, members] = await Promise.all([
    readQueues(connection, prefix, options),
    new MemberStore(connection, prefix).read(options),
  ]);
  const counts = startingWith(next, wanted.length === 0 ? [...registered.keys()] : wanted).flatMap(
    (queue) => {
      const shards = registered.get(queue);
      return shards === undefined ? [] : new Count(connection, { prefix, queue }, shards, members);
    },
  );
  const steps = counts.flatMap((count) => count.steps().map((step) => ({ count, step })));
  const waiting = steps.values();
  const lane = async (): Promise<void> => {
    for (const { count, step } of waiting) await count.run(step, options);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return {
    queues: counts.filter(({ failure }) => failure === undefined).map((count) => count.result()),
    failures: new Map(
      counts.flatMap(({ queue, failure }) => (failure === undefined ? [] : [[queue, failure]])),
    ),
    missing: wanted.filter((queue) => !registered.has(queue)),
    next: counts.find(({ wasHurried }) => wasHurried)?.queue ?? next,
    schedulers: members.filter(({ role }) => role === "scheduler").length,
  };
}

/** In turn; the same order each time. */
function startingWith(first: string | undefined, queues: readonly string[]): string[] {
  const sorted = [...new Set(queues)].toSorted((a, b) => (a < b ? -1 : 1));
  const at = Math.max(0, sorted.indexOf(first ?? ""));
  return [...sorted.slice(at), ...sorted.slice(0, at)];
}

type Step = (options: CallOptions) => Promise<void>;

/** One queue that is being counted, shard by shard. */
class Count {
  readonly queue: string;
  failure: unknown;
  /** It failed, and had not the time that a shard may take. */
  wasHurried = false;
  readonly #store: QueueStore;
  readonly #keys: readonly ShardKeys[];
  readonly #serving: readonly Member[];
  readonly #schedulers: ReadonlySet<string>;
  readonly #counters: Record<string, number> = {};
  readonly #counts = Object.fromEntries(TASK_STATES.map((state) => [state, 0])) as TaskCounts;
  readonly #dueWithin: number[] = Object.values(DUE_WITHIN_MS).map(() => 0);
  #oldestDueAgeMs = 0;
  #shardsWithoutOwner = 0;
  #paused = false;
  #exportedAtMs: number | undefined;

  constructor(
    connection: Connection,
    namespace: { prefix: string; queue: string },
    shards: number,
    members: readonly Member[],
  ) {
    this.queue = namespace.queue;
    this.#store = new QueueStore(connection, namespace);
    this.#keys = this.#store.shards(shards);
    this.#serving = members.filter(({ queues }) => queues.includes(namespace.queue));
    const schedulers = this.#serving.filter(({ role }) => role === "scheduler");
    this.#schedulers = new Set(schedulers.map(({ id }) => id));
  }

  steps(): Step[] {
    return [
      async (options) => {
        this.#exportedAtMs = await this.#store.readExportedAt(options);
      },
      ...this.#keys.map(
        (keys): Step =>
          async (options) =>
            await this.#countShard(keys, options),
      ),
    ];
  }

  async run(step: Step, options: CallOptions): Promise<void> {
    if (this.failure !== undefined) return;
    const nowMs = performance.now();
    const deadlineMs = Math.min(options.deadlineMs, nowMs + SHARD_MS);
    try {
      if (nowMs >= deadlineMs) throw new Error("there was no time left");
      await step({ ...options, deadlineMs });
    } catch (error) {
      if (this.failure === undefined) this.wasHurried = deadlineMs < nowMs + SHARD_MS;
      this.failure ??= error ?? new Error("unknown");
    }
  }

  result(): QueueCensus {
    const workers = this.#serving.filter(({ role }) => role === "worker");
    return {
      queue: this.queue,
      ...this.#counts,
      paused: this.#paused,
      shards: this.#keys.length,
      shardsWithoutOwner: this.#shardsWithoutOwner,
      workers: workers.length,
      slots: workers.reduce((sum, { concurrency = 0 }) => sum + concurrency, 0),
      schedulers: this.#schedulers.size,
      oldestDueAgeMs: this.#oldestDueAgeMs,
      dueWithin: this.#dueWithin,
      counters: this.#counters,
      exportedAtMs: this.#exportedAtMs,
    };
  }

  async #countShard(keys: ShardKeys, options: CallOptions): Promise<void> {
    const look = await this.#store.lookShard(keys, LATELY_MS, options);
    for (const state of TASK_STATES) this.#counts[state] += look[state];
    for (const [name, count] of look.counters) this.#counters[name] = (this.#counters[name] ?? 0) + count;
    this.#paused ||= look.paused;
    if (!this.#schedulers.has(look.owner)) this.#shardsWithoutOwner++;
    if (look.oldestDueMs !== undefined)
      this.#oldestDueAgeMs = Math.max(this.#oldestDueAgeMs, look.nowMs - look.oldestDueMs);
    const instants = Object.values(DUE_WITHIN_MS).map((ms) => look.nowMs + ms);
    const { due, counts } = await this.#store.dueBefore(keys, instants, options);
    for (const [i, count] of counts.entries())
      this.#dueWithin[i] = (this.#dueWithin[i] ?? 0) + Math.max(0, count - due);
  }
}
