import { runCommand } from "./run-command.ts";

/** The oldest Redis whose scripts may carry flags and publish to shards. */
export const REDIS_MAJOR_MIN = 7;

const VERSION_TIMEOUT_MS = 5000;

/** Reads `7.0.15` out of what `redis-server --version` or `valkey-server --version` prints. */
function parseRedisVersion(output: string): string | undefined {
  return /\bserver v=(\d+\.\d+\.\d+)/i.exec(output)?.[1];
}

export function isSupportedVersion(version: string): boolean {
  return Number.parseInt(version, 10) >= REDIS_MAJOR_MIN;
}

/** Asks a server binary for its version; `undefined` also when it cannot be run at all. */
export async function readRedisVersion(command: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const { isOk, stdout } = await runCommand(command, ["--version"], { env, timeoutMs: VERSION_TIMEOUT_MS });
  return isOk ? parseRedisVersion(stdout) : undefined;
}
