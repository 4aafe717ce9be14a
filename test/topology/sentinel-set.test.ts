import { describe, expect, test } from "vitest";
import { setupSentinels } from "../support/topologies.ts";

const QUICK = { downAfterMs: 800, failoverTimeoutMs: 5000, helloMs: 200 };

describe("SentinelSet", () => {
  test("fails over when the master is killed, and the old one comes back as a replica", async () => {
    const set = await setupSentinels(QUICK);
    const before = await set.master();
    expect(before).toBe(set.nodes[0]);
    await before.call("SET", "kept", "yes");
    await set.inSync();
    await before.kill();
    const after = await set.failedOver(before);
    expect(await after.call("GET", "kept")).toBe("yes");
    await before.start();
    await set.inSync(2);
    expect((await before.info("replication")).get("role")).toBe("slave");
  });

  test("fails over when the master is frozen, and ends a frozen one too", async () => {
    const set = await setupSentinels({ ...QUICK, replicas: 1 });
    const before = await set.master();
    await before.freeze();
    expect(await set.failedOver(before)).not.toBe(before);
    await set.stop();
    expect([...set.nodes, ...set.sentinelNodes].filter(({ isRunning }) => isRunning)).toEqual([]);
  });

  test("is a replicated pair without Sentinels, whose replica may be gone and come back", async () => {
    const set = await setupSentinels({ sentinels: 0, replicas: 1, password: "secret" });
    const master = await set.master();
    const [replica] = await set.replicas();
    await replica?.kill();
    await master.call("SET", "later", "yes");
    expect(await master.call("WAIT", 1, 100)).toBe(0);
    await replica?.start();
    await set.inSync(1);
    expect(await master.call("WAIT", 1, 1000)).toBe(1);
  });
});
