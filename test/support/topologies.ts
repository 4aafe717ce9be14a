import { Redis } from "ioredis";
import { onTestFinished } from "vitest";
import { RedisCluster, type RedisClusterOptions } from "../../src/dev/redis-cluster.ts";
import type { OpenClient } from "../../src/dev/redis-node.ts";
import { SentinelSet, type SentinelSetOptions } from "../../src/dev/sentinel-set.ts";

export const openClient: OpenClient = ({ port, password }) => {
  const client = new Redis({
    port,
    host: "127.0.0.1",
    ...(password !== undefined && { password }),
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  client.on("error", () => {}); // each call says so itself
  return client;
};

/** A master with replicas and Sentinels, or with `sentinels: 0` without; ended after the test. */
export async function setupSentinels(
  options: Omit<SentinelSetOptions, "openClient"> = {},
): Promise<SentinelSet> {
  const set = await SentinelSet.start({ openClient, ...options });
  onTestFinished(async () => await set.stop());
  return set;
}

/** A Cluster, ended after the test. */
export async function setupCluster(
  options: Omit<RedisClusterOptions, "openClient"> = {},
): Promise<RedisCluster> {
  const cluster = await RedisCluster.start({ openClient, ...options });
  onTestFinished(async () => await cluster.stop());
  return cluster;
}
