import type { Finding, QueueFacts, RedisFacts } from "../core/doctor-facts.ts";
import { judgeQueue } from "../core/queue-rules.ts";
import { judgeRedis } from "../core/redis-rules.ts";
import type { Connection } from "../store/connection.ts";
import type { Namespace } from "../store/keys.ts";
import { MemberStore } from "../store/member-store.ts";
import { within } from "../store/queue-store.ts";
import { readRedisFacts } from "../store/redis-facts.ts";
import { lookAtShards } from "./shards.ts";
import { findBusiestSecond } from "./timeline.ts";

/** Looks at a Redis and at queues in it, and says what is not well. Facts are gathered here and nowhere else. */
const ANSWER_MS = 5000;

export async function examine(
  connection: Connection,
  prefix: string,
  queues: readonly string[],
): Promise<Finding[]> {
  const redis = await readRedisFacts(connection, prefix, within(ANSWER_MS));
  const findings = judgeRedis(redis);
  for (const queue of queues) {
    findings.push(...judgeQueue(await readQueueFacts(connection, { prefix, queue }, redis.kind)));
  }
  return findings;
}

export async function readQueueFacts(
  connection: Connection,
  namespace: Namespace,
  kind: RedisFacts["kind"],
): Promise<QueueFacts> {
  const { prefix, queue } = namespace;
  const [shards, members] = await Promise.all([
    lookAtShards(connection, namespace),
    new MemberStore(connection, prefix).read(within()),
  ]);
  const nowMs = Math.max(0, ...shards.map((shard) => shard.nowMs));
  const serving = members.filter(({ queues }) => queues.includes(queue));
  return {
    queue,
    isCluster: kind === "cluster",
    nowMs,
    isPaused: shards.some(({ paused }) => paused),
    shards,
    workers: serving.filter(({ role }) => role === "worker").length,
    schedulers: serving.filter(({ role }) => role === "scheduler").map(({ id }) => id),
    busiestSecond: await findBusiestSecond(connection, namespace, nowMs),
  };
}
