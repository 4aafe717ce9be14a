import { setTimeout as sleep } from "node:timers/promises";
import { Cluster } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import type { QueueOptions } from "../../src/index.ts";
import { setupRedisProcess } from "../dev/setup.ts";
import { setup } from "../support/fixture.ts";
import { flowing, startLoad } from "../support/load.ts";
import { setupCluster, setupSentinels } from "../support/topologies.ts";

/** Longer than any time-out of ours but that of settles: adds 10 s, leases and heartbeats 15 s. */
const AWAY_MS = 16_000;
/** What is written outlives the process; it need not outlive the machine. */
const KEPT = { appendonly: "yes", appendfsync: "no" };

interface Server {
  start(): Promise<void>;
  kill(): Promise<void>;
}

interface Topology {
  readonly connection: NonNullable<QueueOptions["connection"]>;
  readonly servers: readonly Server[];
}

async function one(): Promise<Topology> {
  const redis = await setupRedisProcess({ config: KEPT });
  await redis.start();
  const server = { start: async () => await redis.start(), kill: async () => await redis.kill("SIGKILL") };
  return { connection: redis.url, servers: [server] };
}

async function throughSentinel(): Promise<Topology> {
  const set = await setupSentinels({ replicas: 1, config: KEPT });
  return { connection: set.connection, servers: [...set.nodes, ...set.sentinelNodes] };
}

async function cluster(): Promise<Topology> {
  const nodes = await setupCluster({ config: KEPT });
  const connection = new Cluster(nodes.startNodes, { lazyConnect: true });
  onTestFinished(() => {
    connection.disconnect();
  });
  return { connection, servers: nodes.nodes };
}

/** All servers go, and come back. Nobody is started anew. */
async function outlast({ connection, servers }: Topology): Promise<void> {
  const { queue, worker } = setup(connection);
  const load = startLoad(queue());
  worker(load.handler);
  await flowing(load);
  await Promise.all(servers.map(async (server) => await server.kill()));
  await sleep(AWAY_MS);
  expect(load.errors.length).toBeGreaterThan(0);
  for (const error of load.errors) {
    expect(error).toMatchObject({
      code: expect.stringMatching(/^DELAYQ_(REDIS_UNAVAILABLE|UNKNOWN_OUTCOME)$/),
    });
  }
  expect(load.errors.at(-1)).toMatchObject({ code: "DELAYQ_REDIS_UNAVAILABLE" });
  await Promise.all(servers.map(async (server) => await server.start()));
  const backMs = performance.now();
  const firstMs = await load.firstStartAfter(backMs);
  expect(firstMs).toBeLessThan(20_000);
  await load.drain();
}

test("goes on by itself after an outage that outlasts every time-out", async () => {
  const topologies = await Promise.all([one(), throughSentinel(), cluster()]);
  await Promise.all(topologies.map(outlast));
}, 120_000);
