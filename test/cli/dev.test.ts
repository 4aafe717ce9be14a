import { once } from "node:events";
import { existsSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runCli, setupCli, startCli, type LongRun } from "./support/cli.ts";

async function urlOf(dev: LongRun): Promise<string> {
  await dev.logged("is running");
  return dev.stdout[0] ?? "";
}

it("runs a private Redis until Ctrl-C, and keeps its data", async () => {
  const { folder } = setupCli();
  const dir = join(folder, "data");
  // Another one that is named by the environment is left alone.
  const env = { DELAYQ_REDIS_URL: "redis://127.0.0.1:1" };
  const first = startCli(["dev", "--dir", dir], { env });
  const url = await urlOf(first);
  expect(first.stdout).toEqual([url, `export DELAYQ_REDIS_URL=${url}`]);
  const added = await runCli(["add", "q", "n", "--in", "1h"], { env: { DELAYQ_REDIS_URL: url } });
  expect(added.code).toBe(0);
  const second = await runCli(["dev", "--dir", dir]);
  expect(second).toMatchObject({
    code: 1,
    stdout: "",
    stderr: `delayq: ${dir} is in use by process ${first.child.pid}\n`,
  });
  first.child.kill("SIGINT");
  expect(await first.ended).toBe(0);
  expect(existsSync(join(dir, "delayq.pid"))).toBe(false);
  const again = startCli(["dev", "--dir", dir, "--json"]);
  const told = JSON.parse(await urlOf(again)) as { url: string };
  const port = Number(new URL(told.url).port);
  expect(told).toEqual({ url: told.url, port, pid: expect.any(Number), version: expect.any(String), dir });
  const stats = await runCli(["stats", "q", "--json", "--url", told.url]);
  expect(JSON.parse(stats.stdout)).toMatchObject({ delayed: 1 });
  again.child.kill("SIGTERM");
  expect(await again.ended).toBe(0);
  await expect(once(createConnection(Number(new URL(url).port), "127.0.0.1"), "connect")).rejects.toThrow(
    "ECONNREFUSED",
  );
});

it("ends with code 3 where there is no Redis to be had", async () => {
  const { folder } = setupCli();
  const env = { PATH: folder, HOME: folder, XDG_CACHE_HOME: folder, XDG_DATA_HOME: folder };
  const { code, stdout, stderr } = await runCli(["dev"], { env });
  expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  expect(stderr).toMatch(/^delayq: /);
  expect(existsSync(join(folder, "delayq", "redis"))).toBe(true);
});
