import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Cluster } from "ioredis";
import { expect, onTestFinished, test, vi } from "vitest";
import { findFreePort } from "../../src/dev/free-port.ts";
import type { RedisNode } from "../../src/dev/redis-node.ts";
import { createTemporaryFolder, removeTemporaryFolder } from "../../src/dev/temporary-folder.ts";
import { selfSigned } from "../chaos/self-signed.js";
import { connect, setupRedisProcess } from "../dev/setup.ts";
import { setupCommands } from "../cli/support/cli.ts";
import { useEveryVerb } from "../support/every-verb.ts";
import { setup } from "../support/fixture.ts";
import { setupCluster, setupSentinels } from "../support/topologies.ts";

vi.setConfig({ testTimeout: 90_000 });

/* The rights that the documentation names are enough, and what is denied beyond them nobody asks for. */

const DOCS = new URL("../../docs/operations.md", import.meta.url);
const SECRET = "a-secret";

/** The line of an ACL file as the documentation has it, for another prefix. */
function rightsOf(user: string, prefix = "dq"): string[] {
  const line = new RegExp(`^user ${user} (.*)$`, "m").exec(readFileSync(DOCS, "utf8"))?.[1];
  if (line === undefined) throw new Error(`the documentation names no rights of ${user}`);
  return line.replace(">SECRET", `>${SECRET}`).replaceAll("dq:", `${prefix}:`).split(" ");
}

type Caller = Pick<RedisNode, "call">;

async function allow(nodes: readonly Caller[], user: string, prefix?: string): Promise<void> {
  for (const node of nodes) await node.call("ACL", "SETUSER", user, ...rightsOf(user, prefix));
}

/** What was denied, without what a newer client says of itself. */
async function denied(nodes: readonly Caller[]): Promise<unknown[]> {
  const logs = await Promise.all(nodes.map(async (node) => (await node.call("ACL", "LOG")) as unknown[]));
  return logs.flat().filter((entry) => !JSON.stringify(entry).includes("client|setinfo"));
}

/** The paths of a certificate and its key. */
async function setupCertificate(): Promise<{ key: string; cert: string }> {
  const folder = await createTemporaryFolder();
  onTestFinished(async () => await removeTemporaryFolder(folder));
  const { key, cert } = selfSigned();
  const paths = { key: join(folder, "key.pem"), cert: join(folder, "cert.pem") };
  await writeFile(paths.key, key, { mode: 0o600 });
  await writeFile(paths.cert, cert);
  return paths;
}

test("one Redis over TLS, by a user with no more rights than are documented", async () => {
  const { key, cert } = await setupCertificate();
  const tlsPort = await findFreePort();
  const redis = await setupRedisProcess({
    config: {
      "tls-port": String(tlsPort),
      "tls-cert-file": cert,
      "tls-key-file": key,
      "tls-ca-cert-file": cert,
      "tls-auth-clients": "no",
    },
  });
  await redis.start();
  const admin = connect(redis.url);
  const connection = {
    host: "127.0.0.1",
    port: tlsPort,
    username: "delayq",
    password: SECRET,
    tls: { ca: readFileSync(cert) },
  };
  const engine = setup(connection);
  await allow([admin], "delayq", engine.prefix);
  await useEveryVerb(engine.queue(), engine);
  const env = {
    DELAYQ_REDIS_URL: `rediss://delayq:${SECRET}@127.0.0.1:${tlsPort}`,
    NODE_EXTRA_CA_CERTS: cert,
  };
  const { run } = setupCommands(engine.prefix, env);
  expect(await run(["add", "q", "n"])).toMatchObject({ code: 0, stderr: "" });
  expect(await denied([admin])).toEqual([]);
  expect(await setupCommands("other", env).run(["add", "q", "n"])).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("NOPERM"),
  });
});

test("a Cluster, by a user with no more rights than are documented", async () => {
  const cluster = await setupCluster();
  const client = new Cluster(cluster.startNodes, {
    lazyConnect: true,
    redisOptions: { username: "delayq", password: SECRET },
  });
  onTestFinished(() => {
    client.disconnect();
  });
  const engine = setup(client);
  await allow(cluster.nodes, "delayq", engine.prefix);
  await useEveryVerb(engine.queue({ shards: 16 }), engine);
  expect(await denied(cluster.nodes)).toEqual([]);
});

test("Sentinel, by users with no more rights than are documented, through a failover", async () => {
  const set = await setupSentinels({ replicas: 1, downAfterMs: 2000, failoverTimeoutMs: 2000, helloMs: 200 });
  const engine = setup({
    ...set.connection,
    username: "delayq",
    password: SECRET,
    sentinelUsername: "delayq-sentinel",
    sentinelPassword: SECRET,
  });
  await allow(set.nodes, "delayq", engine.prefix);
  await allow(set.sentinelNodes, "delayq-sentinel");
  const queue = engine.queue();
  await useEveryVerb(queue, engine);
  const master = await set.master();
  await master.kill();
  await set.failedOver(master);
  await useEveryVerb(queue, engine);
  expect(await denied([await set.master(), ...set.sentinelNodes])).toEqual([]);
});
