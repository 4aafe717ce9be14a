import { Cluster } from "ioredis";
import { Registry } from "prom-client";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { QueueExporter } from "../../src/metrics/exporter.ts";
import { Connection } from "../../src/store/connection.ts";
import type { ConnectionOption } from "../../src/store/connection-options.ts";
import { samplesOf, type Sample } from "../metrics/support.ts";
import { eventually, setup } from "../support/fixture.ts";
import { setupCluster, setupSentinels } from "../support/topologies.ts";

/* What the exporter tells of every server, and of one that is gone. */
function exporterOf(option: ConnectionOption, prefix: string) {
  const logger = pino({ level: "silent" });
  const connection = Connection.acquire(option, logger);
  onTestFinished(() => connection.release());
  const registry = new Registry();
  const exporter = new QueueExporter(connection, { prefix, queues: [], logger });
  exporter.register(registry);
  return async (): Promise<Sample[]> => {
    const beganMs = performance.now();
    await exporter.read();
    expect(performance.now() - beganMs).toBeLessThan(3000);
    return samplesOf(await registry.metrics());
  };
}

const ofNodes = (samples: readonly Sample[], name: string, value: number): string[] =>
  samples
    .filter((one) => one.name === name && one.value === value)
    .map(({ labels }) => String(labels["node"]))
    .toSorted((a, b) => a.localeCompare(b));

const sorted = (nodes: readonly { port: number }[]): string[] =>
  nodes.map(({ port }) => `127.0.0.1:${port}`).toSorted((a, b) => a.localeCompare(b));

test("through Sentinel it tells of the master, its replica and how far that is behind", async () => {
  const set = await setupSentinels({ replicas: 1 });
  const { queue, prefix } = setup(set.connection);
  await queue().add("a", 1);
  const scrape = exporterOf(set.connection, prefix);
  await eventually(async () => {
    const samples = await scrape();
    expect(ofNodes(samples, "delayq_redis_up", 1)).toEqual(sorted(set.nodes));
    expect(samples.filter(({ name }) => name === "delayq_redis_replica_lag_bytes")).toHaveLength(1);
    expect(ofNodes(samples, "delayq_redis_connected_replicas", 1)).toHaveLength(1);
    expect(ofNodes(samples, "delayq_redis_master_link_up", 1)).toHaveLength(1);
  });
  const [, replica] = set.nodes;
  await replica?.kill();
  await eventually(async () =>
    expect(ofNodes(await scrape(), "delayq_redis_up", 0)).toEqual(sorted(replica ? [replica] : [])),
  );
});

test("on a Cluster it tells of every node, of the queue as a whole, and goes on when a master is gone", async () => {
  const cluster = await setupCluster({ replicas: 0 });
  const connection = new Cluster(cluster.startNodes, { lazyConnect: true });
  const { queue, prefix } = setup(connection);
  await queue({ shards: 16 }).addBulk(Array.from({ length: 64 }, () => ({ name: "a", data: 1 })));
  const scrape = exporterOf(connection, prefix);
  const samples = await scrape();
  expect(ofNodes(samples, "delayq_redis_up", 1)).toEqual(sorted(cluster.nodes));
  const [ready] = samples.filter(
    ({ name, labels }) => name === "delayq_queue_tasks" && labels["state"] === "ready",
  );
  expect(ready?.value).toBe(64);
  const [gone] = cluster.nodes;
  await gone?.kill();
  await eventually(async () => {
    const left = await scrape();
    expect(ofNodes(left, "delayq_redis_up", 0)).toEqual(sorted(gone ? [gone] : []));
    expect(ofNodes(left, "delayq_redis_up", 1)).toHaveLength(cluster.nodes.length - 1);
  });
});
