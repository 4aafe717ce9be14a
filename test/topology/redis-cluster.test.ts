import { Cluster } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import type { RedisCluster } from "../../src/dev/redis-cluster.ts";
import { setupCluster } from "../support/topologies.ts";

function connect(cluster: RedisCluster): Cluster {
  const client = new Cluster(cluster.startNodes);
  client.on("error", () => {});
  onTestFinished(() => {
    client.disconnect();
  });
  return client;
}

describe("RedisCluster", () => {
  test("moves slots with what is in them, and takes a new master", async () => {
    const cluster = await setupCluster();
    const client = connect(cluster);
    const slot = await client.cluster("KEYSLOT", "{a}");
    await client.mset(...Array.from({ length: 250 }, (_, i) => [`{a}${i}`, String(i)]).flat());
    const [first, second] = await cluster.masters();
    const from = await cluster.masterOf(slot);
    const to = from === first ? second : first;
    await cluster.migrate([slot], to!);
    expect(await cluster.masterOf(slot)).toBe(to);
    expect(await client.get("{a}249")).toBe("249");

    const added = await cluster.grow();
    expect(await cluster.masters()).not.toContain(added);
    const some = (await cluster.slotsOf(from)).slice(0, 1000);
    await cluster.migrate([...some, slot], added);
    await cluster.settled();
    expect(await cluster.slotsOf(added)).toHaveLength(1001);
    expect(await client.get("{a}0")).toBe("0");
  });

  test("has a replica take over when a master is killed, or frozen", async () => {
    const cluster = await setupCluster({ replicas: 1, nodeTimeoutMs: 500 });
    const client = connect(cluster);
    await client.set("kept", "yes");
    const slot = await client.cluster("KEYSLOT", "kept");
    const before = await cluster.masterOf(slot);
    expect(await before.call("WAIT", 1, 1000)).toBe(1);
    await before.kill();
    const after = await cluster.failedOver(slot, before);
    expect(await after.call("GET", "kept")).toBe("yes");
    await before.start();
    await cluster.inSync();
    expect(await cluster.replicasOf(after)).toEqual([before]);
    await after.freeze();
    expect(await cluster.failedOver(slot, after)).toBe(before);
  });
});
