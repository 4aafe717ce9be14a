import { Cluster } from "ioredis";
import { expect, test } from "vitest";
import type { RedisNode } from "../../src/dev/redis-node.ts";
import { eventually, setup } from "../support/fixture.ts";
import { setupCluster } from "../support/topologies.ts";

const SHARDS = 64;
const TASKS = 18_000;
const ROUND = 60;

/** How many commands of clients a server has run that read or write keys. */
async function scriptCalls(node: RedisNode): Promise<number> {
  const calls = [...(await node.info("commandstats"))]
    .filter(([name]) => /^cmdstat_(eval|evalsha)$/.test(name))
    .map(([, text]) => Number(/calls=(\d+)/.exec(text)?.[1]));
  return calls.reduce((sum, count) => sum + count, 0);
}

test("spreads the commands of 64 shards over three masters, each a third of them and a tenth of that more or less", async () => {
  const cluster = await setupCluster();
  const options = { lazyConnect: true };
  const { queue, worker } = setup(new Cluster(cluster.startNodes, options));
  const q = queue({ shards: SHARDS });
  let done = 0;
  worker({ work: () => void done++ }, { concurrency: 50 });
  await q.add("work", 0);
  await eventually(() => expect(done).toBe(1));

  const masters = await cluster.masters();
  const before = await Promise.all(masters.map((node) => scriptCalls(node)));
  for (let at = 0; at < TASKS; at += ROUND) {
    const many = Array.from({ length: ROUND }, (_, i) => i);
    const ids = many.map((i) => ({ name: "work", data: i, opts: { id: `own-${at + i}` } }));
    if (at % (2 * ROUND) === 0) await q.addBulk(ids);
    else await Promise.all(many.map(async (i) => await q.add("work", i, { delay: 20 })));
  }
  await eventually(() => expect(done).toBe(TASKS + 1));

  const after = await Promise.all(masters.map((node) => scriptCalls(node)));
  const served = after.map((count, i) => count - (before[i] ?? 0));
  const all = served.reduce((sum, count) => sum + count, 0);
  const shares = served.map((count) => count / all);
  expect(all).toBeGreaterThan(1000);
  for (const share of shares) {
    expect(share, shares.join(", ")).toBeGreaterThan(0.9 / 3);
    expect(share, shares.join(", ")).toBeLessThan(1.1 / 3);
  }
});
