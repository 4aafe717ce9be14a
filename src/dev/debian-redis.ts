import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { unpackRedisPackages } from "./debian-package.ts";
import { findExecutable } from "./find-executable.ts";
import { isDebianLike, readOsRelease } from "./os-release.ts";
import type { LocateContext, RedisServerCommand } from "./redis-server-command.ts";
import { isSupportedVersion, readRedisVersion } from "./redis-version.ts";
import { runCommand } from "./run-command.ts";

/*
 * Debian and Ubuntu: their redis-server package, unpacked into a cache folder of the user.
 *
 * A build happens in a sibling folder of its own and is renamed into place when it is whole and has answered, so the place
 * holds a working server or nothing. What stands there is never trusted but asked for its version each time: a cache that
 * was damaged, or made before an upgrade of the system, is replaced. Two processes may build at once; the second to finish
 * finds a working server in place and throws its own away.
 */

const LDD_TIMEOUT_MS = 5000;
const SWAP_TRIES_MAX = 3;
/** A build this old was given up by a process that died. */
const ABANDONED_AFTER_MS = 60 * 60 * 1000;

/** What an earlier start unpacked, if it still works. */
export async function locateDebianCached(context: LocateContext): Promise<RedisServerCommand | undefined> {
  const place = await cachePlace(context.env);
  return place === undefined ? undefined : findUnpacked(place, context.env);
}

/** Fetches and unpacks the package. `undefined` on other systems, and where the package is too old. */
export async function unpackDebianPackage(context: LocateContext): Promise<RedisServerCommand | undefined> {
  const { env, onProgress } = context;
  const place = await cachePlace(env);
  if (place === undefined || !(await hasPackageTools(env))) return undefined;

  onProgress(`downloading the distribution's redis-server package, once, into ${place}`);
  await mkdir(dirname(place), { recursive: true });
  await removeAbandoned(place);
  const build = `${place}.${randomUUID()}.tmp`;
  try {
    await unpackRedisPackages(build, `${build}.apt`, env);
    const built = await findUnpacked(build, env);
    if (built === undefined) throw new Error(await whyUnusable(build, env));
    if (!isSupportedVersion(built.version ?? "")) {
      onProgress(`skipping the distribution's redis-server: version ${built.version} is too old`);
      return undefined;
    }
    await swapIn(build, place, env);
    return await findUnpacked(place, env);
  } finally {
    await rm(`${build}.apt`, { recursive: true, force: true });
    await rm(build, { recursive: true, force: true });
  }
}

/** A folder per release and processor: the home may be shared between machines. */
async function cachePlace(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const release = await readOsRelease();
  if (!isDebianLike(release)) return undefined;
  return join(cacheFolder(env), `redis-${release.id}-${release.version}-${process.arch}`);
}

function cacheFolder(env: NodeJS.ProcessEnv): string {
  if (env["DELAYQ_CACHE_DIR"]) return resolve(env["DELAYQ_CACHE_DIR"]);
  return join(env["XDG_CACHE_HOME"] || join(env["HOME"] || homedir(), ".cache"), "delayq");
}

async function hasPackageTools(env: NodeJS.ProcessEnv): Promise<boolean> {
  const tools = await Promise.all(["apt-get", "dpkg-deb"].map((tool) => findExecutable(tool, env)));
  return tools.every((tool) => tool !== undefined);
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

/** Renames a finished build into place, unless a working server stands there by now. */
async function swapIn(build: string, place: string, env: NodeJS.ProcessEnv): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    if ((await findUnpacked(place, env)) !== undefined) return;
    const broken = `${place}.${randomUUID()}.tmp`;
    // Moved, not removed where it stands: others must never see half of it. Often there is nothing to move.
    await rename(place, broken).catch(() => {});
    await rm(broken, { recursive: true, force: true });
    try {
      await rename(build, place);
      return;
    } catch (error) {
      // Another process renamed its own build in between.
      if (tries === SWAP_TRIES_MAX) throw error;
    }
  }
}

async function removeAbandoned(place: string): Promise<void> {
  const folder = dirname(place);
  const names = await readdir(folder);
  for (const name of names.filter((name) => /\.tmp(\.apt)?$/.test(name))) {
    const path = join(folder, name);
    const startedAtMs = await stat(path).then(
      (stats) => stats.mtimeMs,
      () => Date.now(),
    );
    if (Date.now() - startedAtMs > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}
