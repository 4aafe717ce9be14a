import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type DebianPackages, unpackDebianPackages } from "./debian-package.ts";
import { findExecutable } from "./find-executable.ts";
import { isDebianLike, readOsRelease } from "./os-release.ts";
import type { LocateContext } from "./redis-server-command.ts";

/*
 * Debian and Ubuntu: programs of their packages, unpacked into a cache folder of the user.
 *
 * A build happens in a sibling folder of its own and is renamed into place when it is whole and has answered, so the place
 * holds a working program or nothing. What stands there is never trusted but tried each time: a cache that was damaged, or
 * made before an upgrade of the system, is replaced. Two processes may build at once; the second to finish finds a working
 * program in place and throws its own away.
 */

const SWAP_TRIES_MAX = 3;
/** A build this old was given up by a process that died. */
const ABANDONED_AFTER_MS = 60 * 60 * 1000;

/** A program that the distribution has a package of. */
export interface DebianProgram<Found> {
  /** Names its folder in the cache. */
  readonly name: string;
  readonly packages: DebianPackages;
  /** What lies unpacked below `root`, if it answers. */
  readonly find: (root: string, env: NodeJS.ProcessEnv) => Promise<Found | undefined>;
  /** The error of one that was unpacked and does not answer. */
  readonly whyUnusable: (root: string, env: NodeJS.ProcessEnv) => Promise<string>;
  /** Why one that works is of no use; such a one is not kept. */
  readonly refuse?: (found: Found) => string | undefined;
}

/** What an earlier call unpacked, if it still works. */
export async function findInDebianCache<Found>(
  program: DebianProgram<Found>,
  env: NodeJS.ProcessEnv,
): Promise<Found | undefined> {
  const place = await cachePlace(program.name, env);
  return place === undefined ? undefined : program.find(place, env);
}

/**
 * Fetches and unpacks the packages. `undefined` on other systems, and where what came is refused.
 *
 * @throws Error with apt's last lines, or with the reason why what came does not run.
 */
export async function fetchDebianProgram<Found>(
  program: DebianProgram<Found>,
  context: LocateContext,
): Promise<Found | undefined> {
  const { env, onProgress } = context;
  const place = await cachePlace(program.name, env);
  if (place === undefined || !(await hasPackageTools(env))) return undefined;

  onProgress(`downloading the distribution's ${program.packages.names[0]} package, once, into ${place}`);
  await mkdir(dirname(place), { recursive: true });
  await removeAbandoned(place);
  const build = `${place}.${randomUUID()}.tmp`;
  try {
    await unpackDebianPackages(program.packages, build, `${build}.apt`, env);
    const built = await program.find(build, env);
    if (built === undefined) throw new Error(await program.whyUnusable(build, env));
    const refusal = program.refuse?.(built);
    if (refusal !== undefined) {
      onProgress(`skipping the distribution's ${program.packages.names[0]}: ${refusal}`);
      return undefined;
    }
    await swapIn(program, build, place, env);
    return await program.find(place, env);
  } finally {
    await rm(`${build}.apt`, { recursive: true, force: true });
    await rm(build, { recursive: true, force: true });
  }
}

/** A folder per release and processor: the home may be shared between machines. */
async function cachePlace(name: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const release = await readOsRelease();
  if (!isDebianLike(release)) return undefined;
  return join(cacheFolder(env), `${name}-${release.id}-${release.version}-${process.arch}`);
}

function cacheFolder(env: NodeJS.ProcessEnv): string {
  if (env["DELAYQ_CACHE_DIR"]) return resolve(env["DELAYQ_CACHE_DIR"]);
  return join(env["XDG_CACHE_HOME"] || join(env["HOME"] || homedir(), ".cache"), "delayq");
}

async function hasPackageTools(env: NodeJS.ProcessEnv): Promise<boolean> {
  const tools = await Promise.all(["apt-get", "dpkg-deb"].map((tool) => findExecutable(tool, env)));
  return tools.every((tool) => tool !== undefined);
}

/** Renames a finished build into place, unless a working program stands there by now. */
async function swapIn<Found>(
  program: DebianProgram<Found>,
  build: string,
  place: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    if ((await program.find(place, env)) !== undefined) return;
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
