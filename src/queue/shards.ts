import type { TaskCounts } from "../core/task.ts";
import type { Connection } from "../store/connection.ts";
import type { Namespace } from "../store/keys.ts";
import { QueueStore } from "../store/queue-store.ts";

/** What one shard of a queue looks like now. Times are epoch ms by the clock of Redis. */
export interface ShardLook extends TaskCounts {
  readonly shard: number;
  readonly nowMs: number;
  /** The scheduler that serves it; empty for none. */
  readonly owner: string;
  readonly epoch: string;
  readonly paused: boolean;
  /** When the next delayed task is due. */
  readonly nextDueMs: number | undefined;
  /** When the ready task that has waited longest was due. */
  readonly oldestDueMs: number | undefined;
  /** Leases whose deadline has passed. */
  readonly expiredLeases: number;
  readonly firstDeadlineMs: number | undefined;
  /** How many died in the last hour, and in the one before it. */
  readonly diedLately: number;
  readonly diedBefore: number;
  readonly counters: Readonly<Record<string, number>>;
}

const LATELY_MS = 3_600_000;

/** All shards of a queue; none for a queue that is not there. */
export async function lookAtShards(connection: Connection, namespace: Namespace): Promise<ShardLook[]> {
  const store = new QueueStore(connection, namespace);
  const count = (await store.readShards()) ?? 0;
  return await Promise.all(
    store.shards(count).map(async (keys): Promise<ShardLook> => {
      const { word: _, counters, ...look } = await store.lookShard(keys, LATELY_MS);
      return { shard: keys.shard, ...look, counters: Object.fromEntries(counters) };
    }),
  );
}
