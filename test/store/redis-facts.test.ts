import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { Connection } from "../../src/store/connection.ts";
import type { ConnectionOption } from "../../src/store/connection-options.ts";
import { neededRights } from "../../src/store/needed-rights.ts";
import { within } from "../../src/store/queue-store.ts";
import { readRedisFacts } from "../../src/store/redis-facts.ts";
import { useOwnRedis } from "./own-redis.ts";

const own = useOwnRedis();

async function factsOf(option: ConnectionOption, prefix = "dq") {
  const connection = Connection.acquire(option);
  onTestFinished(() => connection.release());
  return await readRedisFacts(connection, prefix, within());
}

/** A user with what the documentation names, and more. */
async function addUser(name: string, ...rules: string[]): Promise<ConnectionOption> {
  const docs = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
  const documented = /user delayq on >SECRET ([^`\n]+)/.exec(docs)?.[1]?.trim().split(/\s+/) ?? [];
  expect(documented).toContain("+hset");
  await own().admin.call("ACL", "SETUSER", name, "on", ">hidden", ...documented, ...rules);
  onTestFinished(async () => void (await own().admin.call("ACL", "DELUSER", name)));
  const { hostname, port } = new URL(own().url);
  const credentials = { username: name, password: "hidden", lazyConnect: true };
  return { host: hostname, port: Number(port), ...credentials };
}

async function configure(name: string, value: string): Promise<void> {
  const [, before] = (await own().admin.config("GET", name)) as [string, string];
  await own().admin.config("SET", name, value);
  onTestFinished(async () => void (await own().admin.config("SET", name, before)));
}

describe("what a Redis says of itself", () => {
  test("by default", async () => {
    const facts = await factsOf(own().url);
    expect(facts).toMatchObject({
      kind: "standalone",
      unreachable: [],
      clusterState: undefined,
      rights: { isAsked: true, user: "default", missing: [] },
    });
    expect(facts.servers).toHaveLength(1);
    expect(facts.servers[0]).toMatchObject({
      address: own().url.replace("redis://", ""),
      role: "master",
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      policy: "noeviction",
      memory: { usedBytes: expect.any(Number), maxBytes: 0 },
      replicas: [],
      minReplicas: undefined,
      isLinked: undefined,
    });
    expect(Math.abs(facts.servers[0]?.clockAheadMs ?? 1e9)).toBeLessThan(1000);
    expect(facts.servers[0]?.clockErrorMs).toBeLessThan(500);
  });

  test("as it is configured", async () => {
    await configure("maxmemory", "100mb");
    await configure("maxmemory-policy", "allkeys-lru");
    await configure("save", "");
    await configure("min-replicas-to-write", "2");
    const [before] = (await factsOf(own().url)).servers;
    expect(before).toMatchObject({
      policy: "allkeys-lru",
      memory: { maxBytes: 104_857_600 },
      persistence: { isAofOn: false, takesSnapshots: false, isSnapshotOk: true },
      minReplicas: { wanted: 2, good: 0 },
    });
    await configure("save", "3600 1");
    await configure("appendonly", "yes");
    expect((await factsOf(own().url)).servers[0]?.persistence).toEqual({
      isAofOn: true,
      isAofWriteOk: true,
      takesSnapshots: true,
      isSnapshotOk: true,
      fsync: "everysec",
    });
  });

  test("to a user with no more rights than are documented", async () => {
    const facts = await factsOf(await addUser("narrow"));
    expect(facts.rights).toMatchObject({ isAsked: false, reason: expect.stringContaining("NOPERM") });
    expect(facts.servers[0]).toMatchObject({
      role: "master",
      policy: "noeviction",
      persistence: { isAofOn: false, takesSnapshots: undefined, fsync: undefined },
    });
  });

  test("to a user who may not even ask for that", async () => {
    const facts = await factsOf(await addUser("mute", "-info"));
    expect(facts.servers[0]).toMatchObject({
      role: undefined,
      version: undefined,
      policy: undefined,
      persistence: undefined,
      memory: undefined,
    });
  });

  test("of the rights of a user", async () => {
    const asks = ["+acl|whoami", "+acl|dryrun"];
    expect((await factsOf(await addUser("enough", ...asks))).rights).toEqual({
      isAsked: true,
      user: "enough",
      missing: [],
    });
    const { rights } = await factsOf(await addUser("less", ...asks, "-lpop", "-spublish"));
    expect(rights).toEqual({
      isAsked: true,
      user: "less",
      missing: [
        { reason: expect.stringContaining("'lpop'"), isOptional: false },
        { reason: expect.stringContaining("'spublish'"), isOptional: true },
      ],
    });
    const operations = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
    const listed = /^user delayq on >SECRET (.*)$/m.exec(operations)?.[1]?.split(" ") ?? [];
    const facts = await factsOf(await addUser("listed", "reset", "on", ">hidden", ...listed, ...asks));
    expect(facts.rights).toEqual({ isAsked: true, user: "listed", missing: [] });
    const elsewhere = await factsOf(await addUser("elsewhere", ...asks), "other");
    expect(elsewhere.rights).toMatchObject({
      missing: expect.arrayContaining([{ reason: expect.stringContaining("key"), isOptional: false }]),
    });
  });
});

test("the rights that are asked for are those that the scripts use", () => {
  const lua = new URL("../../lua/", import.meta.url);
  const files = readdirSync(lua, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".lua"),
  );
  const used = files.flatMap((file) =>
    [...readFileSync(new URL(file, lua), "utf8").matchAll(/redis\.p?call\(\s*"(\w+)"/g)].map(([, command]) =>
      String(command).toLowerCase(),
    ),
  );
  const asked = new Set(neededRights("dq", false).map(({ command }) => command[0]));
  expect([...new Set(used)].filter((command) => !asked.has(command))).toEqual([]);
});
