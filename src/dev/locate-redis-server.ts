import { DelayqError } from "../core/errors.ts";
import { locateDebianCached, unpackDebianPackage } from "./debian-redis.ts";
import { locateWithDocker } from "./docker-redis.ts";
import { installHint } from "./install-hint.ts";
import { readOsRelease } from "./os-release.ts";
import { locateOnPath, locateWithBrew } from "./path-redis.ts";
import type { LocateContext, RedisServerCommand } from "./redis-server-command.ts";
import { REDIS_MAJOR_MIN } from "./redis-version.ts";

export interface LocateRedisServerOptions {
  /** Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Called with a line for a person to read: what is skipped and why, what is downloaded. */
  readonly onProgress?: (line: string) => void;
}

type Place = (context: LocateContext) => Promise<RedisServerCommand | undefined>;

/*
 * Cheapest and least surprising first. What was unpacked earlier comes before Docker: a daemon that hangs would cost every
 * start some seconds, and a Redis must not change its kind from one start to the next because a daemon comes and goes.
 */
const PLACES: readonly Place[] = [
  locateOnPath,
  locateDebianCached,
  locateWithDocker,
  unpackDebianPackage,
  locateWithBrew,
];

/**
 * Finds a Redis (or Valkey) 7.0 or newer that can be run here, fetching one where that needs no rights.
 *
 * @throws DelayqError DELAYQ_NO_REDIS, whose message holds the one command that helps on this system.
 */
export async function locateRedisServer(options: LocateRedisServerOptions = {}): Promise<RedisServerCommand> {
  const context = { env: options.env ?? process.env, onProgress: options.onProgress ?? (() => {}) };
  const failures: Error[] = [];
  for (const place of PLACES) {
    try {
      const server = await place(context);
      if (server !== undefined) return server;
    } catch (error) {
      failures.push(error as Error);
    }
  }
  throw await noRedisError(failures);
}

async function noRedisError(failures: readonly Error[]): Promise<DelayqError> {
  const hint = installHint({
    platform: process.platform,
    release: await readOsRelease(),
    isRoot: process.getuid?.() === 0,
  });
  const reasons = failures.map((failure) => `${failure.message}\n`);
  return new DelayqError(
    "DELAYQ_NO_REDIS",
    `No Redis ${REDIS_MAJOR_MIN}.0 or newer was found here.\n${reasons.join("")}Type this, then try again:\n\n  ${hint}\n`,
    failures.length === 0 ? {} : { cause: failures[0] },
  );
}
