import type { Connection } from "../store/connection.ts";
import type { Namespace } from "../store/keys.ts";
import { QueueStore } from "../store/queue-store.ts";

/** How many tasks each shard of a queue holds, whatever their states; empty for a queue that is not there. */
export async function readShardSizes(connection: Connection, namespace: Namespace): Promise<number[]> {
  const store = new QueueStore(connection, namespace);
  const count = (await store.readShards()) ?? 0;
  return await Promise.all(store.shards(count).map(async (keys) => await store.size(keys)));
}
