import { Cluster } from "ioredis";
import { expect, onTestFinished, test, vi } from "vitest";
import type { RedisCluster } from "../../src/dev/redis-cluster.ts";
import type { WorkerOptions } from "../../src/index.ts";
import { setup } from "../support/fixture.ts";
import { flowing, startLoad } from "../support/load.ts";
import { setupCluster } from "../support/topologies.ts";

vi.setConfig({ testTimeout: 90_000 });

const LOST_MS = 1000;

/** The options of a client that is never used itself. */
function clientOf(cluster: RedisCluster): Cluster {
  const client = new Cluster(cluster.startNodes, { lazyConnect: true });
  onTestFinished(() => {
    client.disconnect();
  });
  return client;
}

/** Each role with connections of its own. */
function setupRoles(
  cluster: RedisCluster,
  { shards = 12, worker = {} }: { shards?: number; worker?: WorkerOptions } = {},
) {
  const engine = setup(clientOf(cluster));
  const tasks = engine.queue({ shards });
  const load = startLoad(tasks);
  engine.scheduler({ connection: clientOf(cluster) });
  engine.worker(load.handler, { scheduler: false, connection: clientOf(cluster), ...worker });
  return { tasks, load };
}

test.each([
  ["killed", "kill"],
  ["frozen", "freeze"],
] as const)("goes on when a master is %s under load and its replica takes over", async (_, fault) => {
  const cluster = await setupCluster({ replicas: 1 });
  const { load } = setupRoles(cluster);
  await flowing(load);
  const master = await cluster.masterOf(0);
  await master[fault]();
  const goneMs = performance.now();
  await cluster.failedOver(0, master);
  const failedOverMs = performance.now();
  await load.firstStartAfter(failedOverMs);
  await load.drain((ackedMs) => ackedMs > goneMs - LOST_MS && ackedMs <= goneMs);
  expect(performance.now() - failedOverMs).toBeLessThan(15_000);
  expect(load.errors).toEqual([]);
});

test("after the death of a master with many shards, tasks of the others start soon", async () => {
  const cluster = await setupCluster({ config: { "cluster-require-full-coverage": "no" } });
  const { load } = setupRoles(cluster, { shards: 64 });
  await flowing(load, 400);
  const master = await cluster.masterOf(0);
  await master.kill();
  // Each of its shards once kept slots of the worker for half a second: no task began for 3.6 to 5.6 s. Now it is 0.6 s.
  expect(await load.firstStartAfter(performance.now())).toBeLessThan(2500);
  await master.start(); // else all would wait for it when they close
});

test("a master that is away holds up neither adds nor tasks of the others", async () => {
  const cluster = await setupCluster({ config: { "cluster-require-full-coverage": "no" } });
  const { load, tasks } = setupRoles(cluster, { shards: 48, worker: { concurrency: 2 } });
  await flowing(load);
  const master = await cluster.masterOf(0);
  await master.freeze();
  const goneMs = performance.now();
  // Of 200 a second. Two claims that are not answered would take both slots, for longer than this test may take.
  await flowing(load, load.started.size + 700);
  expect(performance.now() - goneMs).toBeLessThan(25_000);
  await master.thaw();
  await load.drain();
  expect(await tasks.counts()).toMatchObject({ dead: 0 });
  expect(load.errors.length).toBeLessThan(load.acked.size / 10);
});
