import { Cluster } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import type { Finding } from "../../src/core/doctor-facts.ts";
import { setupCommands } from "../cli/support/cli.ts";
import { eventually, setup } from "../support/fixture.ts";
import { setupCluster, setupSentinels } from "../support/topologies.ts";

/* What the doctor, the timeline and top say through Sentinel and on a Cluster. */
const PASSWORD = "hidden";

const addresses = (nodes: readonly { host: string; port: number }[]): string =>
  nodes.map(({ host, port }) => `${host}:${port}`).join(",");

function look(findings: readonly Finding[], check: string, level?: Finding["level"]): string[] {
  return findings
    .filter((one) => one.check === check && one.level === (level ?? one.level))
    .map(({ text }) => text);
}

function commandsOf(prefix: string, env: NodeJS.ProcessEnv) {
  const { run } = setupCommands(prefix, env);
  const examine = async (): Promise<{ code: number | null; findings: Finding[] }> => {
    const { code, stdout, stderr } = await run(["doctor", "--json"]);
    expect(stderr).toBe("");
    return { code, ...(JSON.parse(stdout) as { findings: Finding[] }) };
  };
  const timeline = async (): Promise<unknown> => JSON.parse((await run(["timeline", "q", "--json"])).stdout);
  const top = async (): Promise<unknown> =>
    JSON.parse((await run(["top", "q", "--count", "1", "--interval", "100ms", "--json"])).stdout);
  return { examine, timeline, top };
}

test("through Sentinel the doctor asks the master and its replicas", async () => {
  const set = await setupSentinels({ replicas: 1, password: PASSWORD });
  const { queue, prefix } = setup(set.connection);
  const { examine, timeline, top } = commandsOf(prefix, {
    DELAYQ_REDIS_SENTINELS: addresses(set.sentinels),
    DELAYQ_REDIS_MASTER: set.name,
    DELAYQ_REDIS_PASSWORD: PASSWORD,
  });
  await queue().add("n", 1, { delay: 600_000 });
  const { findings } = await examine();
  expect(look(findings, "connection")).toEqual(["sentinel, 1 master, 1 replica"]);
  expect(look(findings, "maxmemory-policy")).toEqual(["noeviction", "noeviction"]);
  expect(look(findings, "clock-skew", "ok")).toHaveLength(2);
  expect(look(findings, "clocks-apart", "ok")).toHaveLength(1);
  expect(look(findings, "replicas", "ok")).toHaveLength(1);
  expect(look(findings, "replica-link", "ok")).toEqual(["follows its master"]);
  expect(look(findings, "min-replicas-to-write", "warning")).toHaveLength(1);
  expect(look(findings, "acl-rights", "ok")).toEqual(["user default may do all that delayq does"]);
  expect(await timeline()).toMatchObject({ overdue: 0, later: 0 });
  expect(await top()).toMatchObject({ queue: "q", delayed: 1 });

  await (await set.master()).call("CONFIG", "SET", "min-replicas-to-write", "2");
  const refused = await examine();
  expect(refused.code).toBe(3);
  expect(look(refused.findings, "min-replicas-to-write", "failure")).toEqual(["2; 1 replica good enough"]);
});

test("on a Cluster the doctor asks all masters and their replicas", async () => {
  const cluster = await setupCluster({ replicas: 1, password: PASSWORD });
  const connection = new Cluster(cluster.startNodes, {
    lazyConnect: true,
    redisOptions: { password: PASSWORD },
  });
  onTestFinished(() => connection.disconnect());
  const { queue, prefix } = setup(connection);
  const { examine, timeline, top } = commandsOf(prefix, {
    DELAYQ_REDIS_CLUSTER: addresses(cluster.startNodes.slice(0, 2)),
    DELAYQ_REDIS_PASSWORD: PASSWORD,
  });
  await queue({ shards: 16 }).addBulk(
    Array.from({ length: 100 }, () => ({ name: "n", data: 1, opts: { delay: 600_000 } })),
  );
  const { findings } = await examine();
  expect(look(findings, "connection")).toEqual(["cluster, 3 masters, 3 replicas"]);
  expect(look(findings, "version", "ok")).toHaveLength(6);
  expect(look(findings, "replica-link", "ok")).toHaveLength(3);
  expect(look(findings, "large-shards", "ok")).toHaveLength(1);
  expect(look(findings, "busiest-second", "ok")[0]).toContain("within one second");
  expect(await timeline()).toMatchObject({ overdue: 0, later: 0 });
  expect(await top()).toMatchObject({ queue: "q", delayed: 100 });

  const [replica] = await cluster.replicasOf((await cluster.masters())[0] as never);
  await replica?.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
  const evicting = await examine();
  expect(evicting.code).toBe(3);
  expect(look(evicting.findings, "maxmemory-policy", "failure")).toEqual(["allkeys-lru"]);
  await replica?.kill();
  await eventually(async () => {
    expect(look((await examine()).findings, "replicas", "warning")).toHaveLength(1);
  });
});
