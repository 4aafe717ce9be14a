import { access } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { type DevRedisOptions, startDevRedis } from "../../src/dev/dev-redis.ts";
import { connect, setupBareEnv, setupRedisProcess, temporaryFolder } from "./setup.ts";

async function start(options: DevRedisOptions = {}) {
  const { DELAYQ_REDIS_URL: _, ...env } = process.env;
  const redis = await startDevRedis({ env, ...options });
  onTestFinished(() => redis.stop());
  return redis;
}

async function folderOf(url: string): Promise<string> {
  const [, folder] = (await connect(url).config("GET", "dir")) as [string, string];
  return folder;
}

describe("startDevRedis", () => {
  test("brings up a Redis on 127.0.0.1 that is not the one on 6379", async () => {
    const redis = await start();
    expect(redis.url).toMatch(/^redis:\/\/127\.0\.0\.1:\d+$/);
    expect(new URL(redis.url).port).not.toBe("6379");
    expect(await connect(redis.url).ping()).toBe("PONG");
    expect(redis.pid).toBeGreaterThan(0);
  });

  test("removes its temporary folder when it stops, and may be stopped twice", async () => {
    const redis = await start();
    const folder = await folderOf(redis.url);
    await access(folder);
    await redis.stop();
    await expect(access(folder)).rejects.toMatchObject({ code: "ENOENT" });
    await redis.stop();
  });

  test("keeps what is in a folder of yours", async () => {
    const dataDir = join(await temporaryFolder(), "made", "on", "the", "way");
    const first = await start({ dataDir });
    await connect(first.url).set("kept", "yes");
    await first.stop();
    const second = await start({ dataDir });
    expect(await connect(second.url).get("kept")).toBe("yes");
  });

  test("passes on configuration and port", async () => {
    const { port } = await setupRedisProcess();
    const redis = await start({ port, config: { maxmemory: "7mb" } });
    expect(new URL(redis.url).port).toBe(String(port));
    expect(await connect(redis.url).config("GET", "maxmemory")).toEqual([
      "maxmemory",
      String(7 * 1024 * 1024),
    ]);
  });

  test("fails, and tries no other, when the port you named is taken", async () => {
    const first = await setupRedisProcess();
    await first.start();
    await expect(start({ port: first.port })).rejects.toMatchObject({ code: "DELAYQ_REDIS_START_FAILED" });
  });

  test("runs several side by side", async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => start()));
    expect(new Set(all.map((redis) => redis.url)).size).toBe(6);
  });

  test("hands back the Redis of DELAYQ_REDIS_URL and never stops it", async () => {
    const given = await setupRedisProcess();
    await given.start();
    const redis = await startDevRedis({ env: { DELAYQ_REDIS_URL: given.url } });
    expect(redis).toMatchObject({ url: given.url, source: "url", pid: undefined });
    await redis.stop();
    expect(await connect(given.url).ping()).toBe("PONG");
  });

  test("says DELAYQ_NO_REDIS when there is none to be had", async () => {
    const { env } = await setupBareEnv();
    await expect(startDevRedis({ env })).rejects.toMatchObject({ code: "DELAYQ_NO_REDIS" });
  });
});
