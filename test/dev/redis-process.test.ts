import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { connect, setupRedisProcess, temporaryFolder, whenNobodyListens } from "./setup.ts";

async function stateOf(pid: number | undefined): Promise<string> {
  const { stdout } = await promisify(execFile)("ps", ["-o", "stat=", "-p", String(pid)]);
  return stdout;
}

describe("RedisProcess", () => {
  test("answers when start resolves, and has ended when stop does", async () => {
    const redis = await setupRedisProcess();
    await redis.start();
    expect(await connect(redis.url).ping()).toBe("PONG");
    await redis.stop();
    expect(redis.isRunning).toBe(false);
    await whenNobodyListens(redis.port);
  });

  test("keeps nothing and evicts nothing unless told", async () => {
    const redis = await setupRedisProcess({ config: { "cluster-enabled": "no" } });
    await redis.start();
    const client = connect(redis.url);
    expect(await client.config("GET", "save")).toEqual(["save", ""]);
    expect(await client.config("GET", "appendonly")).toEqual(["appendonly", "no"]);
    expect(await client.config("GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "noeviction"]);
    expect(await client.config("GET", "bind")).toEqual(["bind", "127.0.0.1"]);
  });

  test("starts again on its port after kill -9, with what its append-only file holds", async () => {
    const redis = await setupRedisProcess({ config: { appendonly: "yes", appendfsync: "always" } });
    await redis.start();
    const firstPid = redis.pid;
    await connect(redis.url).set("kept", "yes");
    await redis.kill("SIGKILL");
    expect(redis.isRunning).toBe(false);
    await redis.start();
    expect(redis.pid).not.toBe(firstPid);
    expect(await connect(redis.url).get("kept")).toBe("yes");
  });

  test("is frozen between SIGSTOP and SIGCONT", async () => {
    const redis = await setupRedisProcess();
    await redis.start();
    await redis.kill("SIGSTOP");
    await expect.poll(() => stateOf(redis.pid)).toMatch(/^T/);
    await redis.kill("SIGCONT");
    expect(await connect(redis.url).ping()).toBe("PONG");
  });

  test("stops a frozen server too", async () => {
    const redis = await setupRedisProcess();
    await redis.start();
    await redis.kill("SIGSTOP");
    await redis.stop();
    expect(redis.isRunning).toBe(false);
  });

  test("refuses a second start", async () => {
    const redis = await setupRedisProcess();
    await redis.start();
    await expect(redis.start()).rejects.toMatchObject({ code: "DELAYQ_REDIS_START_FAILED" });
    expect(redis.isRunning).toBe(true);
  });

  test("says so when somebody else has the port, although he answers", async () => {
    const first = await setupRedisProcess();
    await first.start();
    const second = await setupRedisProcess({ port: first.port });
    await expect(second.start()).rejects.toMatchObject({ code: "DELAYQ_REDIS_START_FAILED" });
    expect(second.isPortTaken).toBe(true);
    expect(first.isRunning).toBe(true);
  });

  test("shows the server's own last words when it does not start", async () => {
    const redis = await setupRedisProcess({ config: { maxmemory: "a lot" } });
    await expect(redis.start()).rejects.toThrow(/did not start: it ended[^]*maxmemory/);
    expect(redis.isPortTaken).toBe(false);
  });

  test("tells of a command that cannot be run", async () => {
    const server = {
      source: "path",
      version: "7.0.0",
      command: "/nowhere/redis-server",
      args: [],
      env: {},
    } as const;
    const redis = await setupRedisProcess({ server });
    await expect(redis.start()).rejects.toThrow(/ENOENT/);
  });

  test("notices when the server dies by itself", async () => {
    const redis = await setupRedisProcess();
    await redis.start();
    await connect(redis.url)
      .call("SHUTDOWN", "NOSAVE")
      .catch(() => {});
    await expect.poll(() => redis.isRunning).toBe(false);
    await redis.stop();
  });

  test("runs a Sentinel", async () => {
    const master = await setupRedisProcess();
    await master.start();
    const dir = await temporaryFolder();
    const sentinelFile = join(dir, "sentinel.conf");
    await writeFile(sentinelFile, `sentinel monitor main 127.0.0.1 ${master.port} 1\n`);
    const sentinel = await setupRedisProcess({ dir, sentinelFile });
    await sentinel.start();
    const address = await connect(sentinel.url).call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main");
    expect(address).toEqual(["127.0.0.1", String(master.port)]);
  });
});
