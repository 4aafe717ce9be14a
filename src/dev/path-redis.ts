import { join } from "node:path";
import { findExecutable, isExecutableFile } from "./find-executable.ts";
import type { LocateContext, RedisServerCommand } from "./redis-server-command.ts";
import { isSupportedVersion, readRedisVersion, REDIS_MAJOR_MIN } from "./redis-version.ts";
import { runCommand } from "./run-command.ts";

const SERVER_NAMES = ["redis-server", "valkey-server"] as const;
const BREW_FORMULAS = ["redis", "valkey"] as const;
const BREW_TIMEOUT_MS = 10_000;

/** A Redis or Valkey on the PATH. */
export async function locateOnPath(context: LocateContext): Promise<RedisServerCommand | undefined> {
  for (const name of SERVER_NAMES) {
    const command = await findExecutable(name, context.env);
    if (command === undefined) continue;
    const version = await supportedVersion(command, context);
    if (version !== undefined) return { source: "path", version, command, args: [], env: context.env };
  }
  return undefined;
}

/** A Redis or Valkey that Homebrew installed without linking it. Installs nothing. */
export async function locateWithBrew(context: LocateContext): Promise<RedisServerCommand | undefined> {
  const brew = await findExecutable("brew", context.env);
  if (brew === undefined) return undefined;
  for (const formula of BREW_FORMULAS) {
    const prefix = await runCommand(brew, ["--prefix", formula], {
      env: { ...context.env, HOMEBREW_NO_AUTO_UPDATE: "1" },
      timeoutMs: BREW_TIMEOUT_MS,
    });
    const command = join(prefix.stdout.trim(), "bin", `${formula}-server`);
    // brew prints a prefix for formulas that are not installed too.
    if (!prefix.isOk || !(await isExecutableFile(command))) continue;
    const version = await supportedVersion(command, context);
    if (version !== undefined) return { source: "brew", version, command, args: [], env: context.env };
  }
  return undefined;
}

async function supportedVersion(command: string, context: LocateContext): Promise<string | undefined> {
  const version = await readRedisVersion(command, context.env);
  if (version === undefined) {
    context.onProgress(`skipping ${command}: it does not tell its version`);
    return undefined;
  }
  if (!isSupportedVersion(version)) {
    context.onProgress(`skipping ${command}: version ${version} is older than ${REDIS_MAJOR_MIN}.0`);
    return undefined;
  }
  return version;
}
