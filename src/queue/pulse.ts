import { TASK_STATES, type TaskCounts } from "../core/task.ts";
import type { Connection } from "../store/connection.ts";
import { MemberStore, type Member } from "../store/member-store.ts";
import { within } from "../store/queue-store.ts";
import { lookAtShards, type ShardLook } from "./shards.ts";

/** A queue at one moment, and how fast things happened in it since the moment before. Times are epoch ms by the clock of Redis. */
export interface Pulse extends TaskCounts {
  readonly queue: string;
  readonly readAtMs: number;
  readonly paused: boolean;
  /** A second, since the reading before; undefined for the first one. */
  readonly rates: Rates | undefined;
  /** For how long the oldest task that is due has been waiting; 0 if none waits. */
  readonly lagMs: number;
  readonly workers: number;
  /** How many tasks they run at the same time, all together. */
  readonly concurrency: number;
  readonly schedulers: number;
  readonly shards: readonly ShardLook[];
}

export interface Rates {
  readonly added: number;
  readonly completed: number;
  readonly failed: number;
}

/** Reads queues again and again; each reading is told apart from the one before it. */
export class PulseReader {
  readonly #connection: Connection;
  readonly #prefix: string;
  readonly #before = new Map<string, { readAtMs: number; counters: Readonly<Record<string, number>> }>();

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  async read(queues: readonly string[]): Promise<Pulse[]> {
    const members = await new MemberStore(this.#connection, this.#prefix).read(within());
    return await Promise.all(
      queues.map(async (queue) => {
        const shards = await lookAtShards(this.#connection, { prefix: this.#prefix, queue });
        return this.#pulse(queue, shards, members);
      }),
    );
  }

  #pulse(queue: string, shards: readonly ShardLook[], members: readonly Member[]): Pulse {
    const readAtMs = Math.max(0, ...shards.map(({ nowMs }) => nowMs));
    const counters: Record<string, number> = {};
    const counts = Object.fromEntries(TASK_STATES.map((state) => [state, 0])) as TaskCounts;
    for (const shard of shards) {
      for (const state of TASK_STATES) counts[state] += shard[state];
      for (const [name, count] of Object.entries(shard.counters))
        counters[name] = (counters[name] ?? 0) + count;
    }
    const before = this.#before.get(queue);
    this.#before.set(queue, { readAtMs, counters });
    const serving = members.filter((member) => member.queues.includes(queue));
    const workers = serving.filter(({ role }) => role === "worker");
    const due = shards.map(({ oldestDueMs }) => oldestDueMs).filter((ms) => ms !== undefined);
    return {
      queue,
      readAtMs,
      ...counts,
      paused: shards.some(({ paused }) => paused),
      rates: before && ratesOf(before, { readAtMs, counters }),
      lagMs: due.length === 0 ? 0 : Math.max(0, readAtMs - Math.min(...due)),
      workers: workers.length,
      concurrency: workers.reduce((sum, worker) => sum + (worker.concurrency ?? 0), 0),
      schedulers: serving.length - workers.length,
      shards,
    };
  }
}

interface Reading {
  readonly readAtMs: number;
  readonly counters: Readonly<Record<string, number>>;
}

/** Counters fall only when a queue was obliterated in between. */
function ratesOf(before: Reading, after: Reading): Rates {
  const seconds = Math.max(1, after.readAtMs - before.readAtMs) / 1000;
  const rate = (name: string): number =>
    Math.max(0, (after.counters[name] ?? 0) - (before.counters[name] ?? 0)) / seconds;
  return { added: rate("added"), completed: rate("completed"), failed: rate("failed") };
}
