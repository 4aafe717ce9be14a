import type { Connection } from "../store/connection.ts";
import type { Namespace } from "../store/keys.ts";
import { QueueStore } from "../store/queue-store.ts";

/** What one shard of a queue looks like now. */
export interface ShardLook {
  readonly shard: number;
  /** The scheduler that serves it; empty for none. */
  readonly owner: string;
  readonly epoch: string;
  readonly paused: boolean;
  readonly delayed: number;
  readonly ready: number;
  readonly leased: number;
  readonly dead: number;
  readonly done: number;
  /** When the next delayed task is due. */
  readonly nextDueAtMs: number | undefined;
  /** For how long the ready task that has waited longest has been due. */
  readonly headAgeMs: number | undefined;
}

/** All shards of a queue; none for a queue that is not there. */
export async function lookAtShards(connection: Connection, namespace: Namespace): Promise<ShardLook[]> {
  const store = new QueueStore(connection, namespace);
  const count = (await store.readShards()) ?? 0;
  return await Promise.all(
    store.shards(count).map(async (keys): Promise<ShardLook> => {
      const { word: _, nowMs, nextDueMs, headDueMs, ...look } = await store.lookShard(keys);
      const headAgeMs = headDueMs === undefined ? undefined : Math.max(0, nowMs - headDueMs);
      return { shard: keys.shard, ...look, nextDueAtMs: nextDueMs, headAgeMs };
    }),
  );
}
