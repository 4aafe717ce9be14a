import { Cluster } from "ioredis";
import calculateSlot from "cluster-key-slot";
import { expect, onTestFinished, test, vi } from "vitest";
import type { RedisCluster } from "../../src/dev/redis-cluster.ts";
import { shardKeys } from "../../src/store/keys.ts";
import { eventually, setup } from "../support/fixture.ts";
import { flowing, startLoad } from "../support/load.ts";
import { setupCluster } from "../support/topologies.ts";

vi.setConfig({ testTimeout: 90_000 });

const SHARDS = 12;

function setupOn(cluster: RedisCluster) {
  const client = new Cluster(cluster.startNodes, { lazyConnect: true });
  onTestFinished(() => {
    client.disconnect();
  });
  const engine = setup(client);
  const slotOf = (shard: number): number =>
    calculateSlot(shardKeys({ prefix: engine.prefix, queue: "q" }, shard, SHARDS).ctl);
  return { ...engine, slotOf };
}

test("slots move under load, and a new master takes its share: nothing is lost or refused", async () => {
  const cluster = await setupCluster();
  const { queue, worker, slotOf } = setupOn(cluster);
  const load = startLoad(queue({ shards: SHARDS }));
  worker(load.handler);
  await flowing(load);
  for (let shard = 0; shard < SHARDS; shard++) {
    const from = await cluster.masterOf(slotOf(shard));
    const to = (await cluster.masters()).find((node) => node !== from);
    if (to !== undefined) await cluster.migrate([slotOf(shard)], to);
  }
  const added = await cluster.grow();
  for (let shard = 0; shard < SHARDS; shard += 2) await cluster.migrate([slotOf(shard)], added);
  await flowing(load, load.started.size + 500);
  await load.drain();
  expect(load.errors).toEqual([]);
  expect(Number((await added.info("commandstats")).get("cmdstat_evalsha")?.split(/[=,]/)[1])).toBeGreaterThan(
    0,
  );
  for (const node of cluster.nodes) {
    expect([...(await node.info("errorstats")).keys()]).not.toContain("errorstat_CROSSSLOT");
  }
});

test("a worker hears of single tasks at once where their slots are now", async () => {
  const cluster = await setupCluster();
  const { queue, worker, slotOf } = setupOn(cluster);
  const tasks = queue({ shards: SHARDS });
  const started = new Map<string, number>();
  worker(({ id }) => void started.set(id, performance.now()), { slowPollMs: 600_000 });
  const lagMs = async (): Promise<number> => {
    const addedMs = performance.now();
    const { id } = await tasks.add("a", null, { delay: 20 });
    await eventually(() => expect(started.has(id)).toBe(true), 30_000);
    return (started.get(id) ?? 0) - addedMs;
  };
  await lagMs();
  const [one, other] = await cluster.masters();
  for (let shard = 0; shard < SHARDS; shard++) {
    const from = await cluster.masterOf(slotOf(shard));
    const to = from === one ? other : one;
    if (to !== undefined) await cluster.migrate([slotOf(shard)], to);
  }
  const lags: number[] = [];
  for (let i = 0; i < 2 * SHARDS; i++) lags.push(await lagMs());
  // Whoever is deaf and does not know it finds a task after minutes.
  expect(Math.max(...lags)).toBeLessThan(15_000);
});

test("a slot that stays half-way is reported in time, and used again when it is whole", async () => {
  const cluster = await setupCluster();
  const { queue, slotOf } = setupOn(cluster);
  const tasks = queue({ shards: SHARDS, addTimeoutMs: 5000 });
  const { id, shard } = await tasks.add("a", null, { delay: 3_600_000 });
  const from = await cluster.masterOf(slotOf(shard));
  const to = (await cluster.masters()).find((node) => node !== from);
  if (to === undefined) throw new Error("there is one master");
  const [fromId, toId] = await Promise.all(
    [from, to].map(async (node) => String(await node.call("CLUSTER", "MYID"))),
  );
  await to.call("CLUSTER", "SETSLOT", slotOf(shard), "IMPORTING", fromId ?? "");
  await from.call("CLUSTER", "SETSLOT", slotOf(shard), "MIGRATING", toId ?? "");
  const startMs = performance.now();
  await expect(tasks.add("a", null, { id })).rejects.toMatchObject({
    code: expect.stringMatching(/^DELAYQ_(UNKNOWN_OUTCOME|REDIS_UNAVAILABLE)$/),
    // The last answer of many: of the node that has some of the keys, or of the one that does not own the slot yet.
    message: expect.stringMatching(/TRYAGAIN|MOVED/),
  });
  expect(performance.now() - startMs).toBeLessThan(15_000);
  await cluster.migrate([slotOf(shard)], to);
  expect(await tasks.add("a", null, { id })).toMatchObject({ existed: true });
  expect(await tasks.cancel(id)).toBe("cancelled");
});
