import { Cluster } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import type { RedisNode } from "../../src/dev/redis-node.ts";
import type { QueueOptions } from "../../src/index.ts";
import { useEveryCommand } from "../support/every-command.ts";
import { useEveryVerb } from "../support/every-verb.ts";
import { setup } from "../support/fixture.ts";
import { setupCluster, setupSentinels } from "../support/topologies.ts";

/* Everything that the API and the command line can do, on a Cluster and through Sentinel. */

type ConnectionOption = NonNullable<QueueOptions["connection"]>;

interface Topology {
  readonly connection: ConnectionOption;
  /** How the command line is told. */
  readonly flags: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly masters: () => Promise<RedisNode[]>;
}

const PASSWORD = "hidden";
const addresses = (nodes: readonly { host: string; port: number }[]): string =>
  nodes.map(({ host, port }) => `${host}:${port}`).join(",");

async function clusterTopology(): Promise<Topology> {
  const cluster = await setupCluster({ password: PASSWORD });
  const connection = new Cluster(cluster.startNodes, {
    lazyConnect: true,
    redisOptions: { password: PASSWORD },
  });
  onTestFinished(() => {
    connection.disconnect();
  });
  return {
    connection,
    flags: ["--cluster", addresses(cluster.startNodes.slice(0, 2))],
    env: { DELAYQ_REDIS_PASSWORD: PASSWORD },
    masters: async () => await cluster.masters(),
  };
}

async function sentinelTopology(): Promise<Topology> {
  const set = await setupSentinels({ replicas: 1, password: PASSWORD });
  return {
    connection: set.connection,
    flags: [],
    env: {
      DELAYQ_REDIS_SENTINELS: addresses(set.sentinels),
      DELAYQ_REDIS_MASTER: set.name,
      DELAYQ_REDIS_PASSWORD: PASSWORD,
    },
    masters: async () => [await set.master()],
  };
}

describe.each([
  ["a Cluster", clusterTopology],
  ["Sentinel", sentinelTopology],
])("on %s", (_, topology) => {
  test("every operation works, and never names keys of two slots", async () => {
    const its = await topology();
    const engine = setup(its.connection);
    await Promise.all([
      useEveryVerb(engine.queue({ shards: 16 }), engine),
      useEveryCommand({ ...its, password: PASSWORD }, `${engine.prefix}cli`),
    ]);
    for (const master of await its.masters()) {
      const refused = [...(await master.info("errorstats")).keys()];
      expect(refused.filter((error) => /CROSSSLOT|WRONGTYPE|NOPERM/.test(error))).toEqual([]);
    }
  }, 90_000);
});
