import { readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { type DebianProgram, fetchDebianProgram, findInDebianCache } from "./debian-cache.ts";
import type { LocateContext, RedisServerCommand } from "./redis-server-command.ts";
import { isSupportedVersion, readRedisVersion } from "./redis-version.ts";
import { runCommand } from "./run-command.ts";

const LDD_TIMEOUT_MS = 5000;

const REDIS: DebianProgram<RedisServerCommand> = {
  name: "redis",
  packages: { names: ["redis-server", "redis-tools"], withDependencies: true },
  find: findUnpacked,
  whyUnusable,
  refuse: ({ version }) => (isSupportedVersion(version ?? "") ? undefined : `version ${version} is too old`),
};

/** What an earlier start unpacked, if it still works. */
export async function locateDebianCached({ env }: LocateContext): Promise<RedisServerCommand | undefined> {
  return findInDebianCache(REDIS, env);
}

/** Fetches and unpacks the package. `undefined` on other systems, and where the package is too old. */
export async function unpackDebianPackage(context: LocateContext): Promise<RedisServerCommand | undefined> {
  return fetchDebianProgram(REDIS, context);
}

async function findUnpacked(root: string, env: NodeJS.ProcessEnv): Promise<RedisServerCommand | undefined> {
  const command = serverPath(root);
  const serverEnv = await environmentWithLibraries(root, env);
  const version = await readRedisVersion(command, serverEnv);
  return version === undefined ? undefined : { source: "debian", version, command, args: [], env: serverEnv };
}

function serverPath(root: string): string {
  return join(root, "usr", "bin", "redis-server");
}

/** Libraries lie in folders named after the processor, some in folders of their own: whatever folder holds one is named. */
async function environmentWithLibraries(root: string, env: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  const libraries = entries.filter((entry) => /\.so(\.|$)/.test(entry.name) && !entry.isDirectory());
  const folders = new Set(libraries.map((entry) => entry.parentPath));
  const inherited = env["LD_LIBRARY_PATH"] ? [env["LD_LIBRARY_PATH"]] : [];
  return { ...env, LD_LIBRARY_PATH: [...folders, ...inherited].join(delimiter) };
}

async function whyUnusable(root: string, env: NodeJS.ProcessEnv): Promise<string> {
  const serverEnv = await environmentWithLibraries(root, env);
  const { stdout } = await runCommand("ldd", [serverPath(root)], {
    env: serverEnv,
    timeoutMs: LDD_TIMEOUT_MS,
  });
  const missing = stdout.split("\n").filter((line) => line.includes("not found"));
  const reason = missing.length === 0 ? "" : `: ${missing.map((line) => line.trim()).join(", ")}`;
  return `The distribution's redis-server does not run when unpacked${reason}`;
}
