import type { RedisNode } from "../../src/dev/redis-node.ts";
import type { QueueOptions } from "../../src/index.ts";
import { setup } from "./fixture.ts";
import { setupSentinels } from "./topologies.ts";

export const CONFIRMED = { replicas: 1, timeoutMs: 5000 };
/** For what is to fail. */
export const BRIEF = { replicas: 1, timeoutMs: 150 };
export const LATER = { delay: 600_000 };
export const SHARDS = 4;

/** A master, its replica, and a queue whose changes the replica must confirm. */
export async function setupPair(options: QueueOptions = {}) {
  const pair = await setupSentinels({ sentinels: 0, replicas: 1 });
  const [master, replica] = pair.nodes as [RedisNode, RedisNode];
  const fixture = setup(master.url);
  const queue = fixture.queue({ durability: CONFIRMED, shards: SHARDS, ...options });
  return { master, replica, ...fixture, queue, plainQueue: fixture.queue };
}

export const codeOf = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(
    () => "done",
    (error: unknown) => (error as { code?: unknown }).code,
  );
