import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { onTestFinished } from "vitest";
import { findFreePort } from "../../src/dev/free-port.ts";
import { locateRedisServer } from "../../src/dev/locate-redis-server.ts";
import { RedisProcess, type RedisProcessOptions } from "../../src/dev/redis-process.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "delayq-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** An environment in which nothing is found but these scripts, and whose cache is empty. */
export async function setupBareEnv(scripts: Readonly<Record<string, string>> = {}) {
  const folder = await temporaryFolder();
  const bin = join(folder, "bin");
  await mkdir(bin);
  for (const [name, body] of Object.entries(scripts)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${body}\n`);
    await chmod(join(bin, name), 0o755);
  }
  const env: NodeJS.ProcessEnv = { PATH: bin, DELAYQ_CACHE_DIR: join(folder, "cache"), HOME: folder };
  return { env, bin, folder };
}

/** A server that was not started yet, on a port and in a folder of its own; ended after the test. */
export async function setupRedisProcess(options: Partial<RedisProcessOptions> = {}): Promise<RedisProcess> {
  const redis = new RedisProcess({
    server: await locateRedisServer(),
    port: await findFreePort(),
    dir: await temporaryFolder(),
    ...options,
  });
  onTestFinished(() => redis.kill("SIGKILL"));
  return redis;
}

export function connect(url: string): Redis {
  const client = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => null });
  client.on("error", () => {});
  onTestFinished(() => {
    client.disconnect();
  });
  return client;
}

/** Resolves when nothing listens on the port any more. */
export async function whenNobodyListens(port: number): Promise<void> {
  while (await accepts(port)) await new Promise((resolve) => setTimeout(resolve, 20));
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => {
      resolve(false);
    });
  });
}

/** Compiles `src/dev` for a process of its own, which Node 20 cannot run from TypeScript. Returns the folder of `dev-redis.js`. */
export async function compileDevRoom(): Promise<string> {
  const outDir = await temporaryFolder();
  const project = join(outDir, "tsconfig.json");
  const tsc = join(ROOT, "node_modules", ".bin", "tsc");
  await writeFile(
    project,
    JSON.stringify({
      extends: join(ROOT, "tsconfig.build.json"),
      compilerOptions: { outDir, rootDir: join(ROOT, "src"), declaration: false },
      files: [join(ROOT, "src", "dev", "dev-redis.ts")],
      include: [],
    }),
  );
  await writeFile(join(outDir, "package.json"), JSON.stringify({ type: "module" }));
  await symlink(join(ROOT, "node_modules"), join(outDir, "node_modules"));
  await promisify(execFile)(process.execPath, [tsc, "-p", project, "--noCheck"], { cwd: dirname(project) });
  return join(outDir, "dev");
}
