import { Cluster } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import type { RedisNode } from "../../src/dev/redis-node.ts";
import type { QueueOptions } from "../../src/index.ts";
import { setupCommands } from "../cli/support/cli.ts";
import { useEveryVerb } from "../support/every-verb.ts";
import { eventually, setup } from "../support/fixture.ts";
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

async function useCommands({ flags, env }: Topology, prefix: string): Promise<void> {
  const { run, start, file } = setupCommands(prefix, env);
  const succeed = async (args: readonly string[], input = ""): Promise<string> => {
    const { code, stdout, stderr } = await run([...args, ...flags], { input });
    expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
    expect(stdout).not.toContain(PASSWORD);
    return stdout;
  };
  const handler = file(
    "h.mjs",
    "export default ({ name }) => { if (name === 'bad') throw new Error('no'); };",
  );
  await succeed(["add", "q", "good", '{"a":1}', "--shards", "16"]);
  await succeed(["task", "add", "q", "good", "--in", "1s"]);
  await succeed(
    ["import", "q", "-"],
    Array.from({ length: 50 }, (_, i) => `{"name":"bad","data":${i}}\n`).join(""),
  );
  expect(JSON.parse(await succeed(["stats", "q", "--json"]))).toMatchObject({ counters: { added: 52 } });
  const backup = file("backup.ndjson", await succeed(["export", "q"]));
  const restore = ["import", "copy", backup, "--restore", "--shards", "7", "--json"];
  expect(JSON.parse(await succeed(restore))).toMatchObject({ restored: 52, existed: 0, paused: false });
  const scheduler = start(["scheduler", "--queue", "q", ...flags]);
  const worker = start(["worker", "--queue", "q", "--handler", handler, "--no-scheduler", ...flags]);
  await eventually(async () => {
    const all = JSON.parse(await succeed(["stats", "--json"])) as { queue: string; counters: unknown }[];
    expect(all.find(({ queue }) => queue === "q")?.counters).toMatchObject({
      completed: 2,
      retried: 100,
      dead: 50,
    });
  }, 25_000);
  expect((await succeed(["dead", "ls", "q", "--json"])).trim().split("\n")).toHaveLength(50);
  expect(JSON.parse(await succeed(["dead", "requeue", "q", "--all", "--json"]))).toEqual({ requeued: 50 });
  for (const { child } of [worker, scheduler]) child.kill("SIGTERM");
  expect(await Promise.all([worker.ended, scheduler.ended])).toEqual([0, 0]);
  expect(JSON.stringify([worker.logs, scheduler.logs])).not.toContain(PASSWORD);
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
      useCommands(its, `${engine.prefix}cli`),
    ]);
    for (const master of await its.masters()) {
      const refused = [...(await master.info("errorstats")).keys()];
      expect(refused.filter((error) => /CROSSSLOT|WRONGTYPE|NOPERM/.test(error))).toEqual([]);
    }
  }, 90_000);
});
