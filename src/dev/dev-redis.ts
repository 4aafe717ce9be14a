import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { findFreePort } from "./free-port.ts";
import { locateRedisServer } from "./locate-redis-server.ts";
import { RedisProcess } from "./redis-process.ts";
import type { RedisServerCommand } from "./redis-server-command.ts";
import { createTemporaryFolder, removeTemporaryFolder } from "./temporary-folder.ts";

export interface DevRedisOptions {
  /** Folder whose data outlives the server, for one server at a time. Default: a temporary one, removed by `stop()`. */
  readonly dataDir?: string;
  /** Default: a free port of 127.0.0.1, never 6379. */
  readonly port?: number;
  /** More of Redis's configuration, e.g. `{ appendonly: "yes" }`. Default: none. */
  readonly config?: Readonly<Record<string, string>>;
  /** Where to look for commands, the cache and DELAYQ_REDIS_URL. Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Called with a line for a person to read, such as what is being downloaded. Default: nothing. */
  readonly onProgress?: (line: string) => void;
}

export interface DevRedis {
  readonly url: string;
  /** `undefined` where it was not asked for: a given URL, and Docker. */
  readonly version: string | undefined;
  readonly source: "url" | "path" | "docker" | "debian" | "brew";
  /** `undefined` for a given URL; the client's for Docker. */
  readonly pid: number | undefined;
  /** Ends the server if it was started here. Safe to call twice. */
  stop(): Promise<void>;
}

const PORT_TRIES_MAX = 5;
const KEPT_DATA_CONFIG = { appendonly: "yes", appendfsync: "everysec" };

/**
 * Brings up a Redis of our own on 127.0.0.1, or hands back the one named by DELAYQ_REDIS_URL.
 *
 * It ends with this process, however that ends.
 *
 * @throws DelayqError DELAYQ_NO_REDIS when there is none to run, DELAYQ_REDIS_START_FAILED when it does not come up.
 */
export async function startDevRedis(options: DevRedisOptions = {}): Promise<DevRedis> {
  const url = (options.env ?? process.env)["DELAYQ_REDIS_URL"];
  if (url !== undefined && url !== "") return givenRedis(url);

  const server = await locateRedisServer(options);
  const folder = await openFolder(options.dataDir);
  try {
    const redis = await startOnPort(server, folder.path, options);
    return {
      url: redis.url,
      version: server.version,
      source: server.source,
      pid: redis.pid,
      stop: async () => {
        await redis.stop();
        await folder.close();
      },
    };
  } catch (error) {
    await folder.close();
    throw error;
  }
}

function givenRedis(url: string): DevRedis {
  return { url, version: undefined, source: "url", pid: undefined, stop: () => Promise.resolve() };
}

interface DataFolder {
  readonly path: string;
  close(): Promise<void>;
}

async function openFolder(dataDir: string | undefined): Promise<DataFolder> {
  if (dataDir === undefined) {
    const path = await createTemporaryFolder();
    return { path, close: () => removeTemporaryFolder(path) };
  }
  const path = resolve(dataDir);
  await mkdir(path, { recursive: true });
  return { path, close: () => Promise.resolve() };
}

/** Between finding a port free and Redis binding it, somebody may take it: then another one is tried. */
async function startOnPort(
  server: RedisServerCommand,
  dir: string,
  options: DevRedisOptions,
): Promise<RedisProcess> {
  const config = { ...(options.dataDir === undefined ? {} : KEPT_DATA_CONFIG), ...options.config };
  for (let tries = 1; ; tries += 1) {
    const port = options.port ?? (await findFreePort());
    const redis = new RedisProcess({ server, port, dir, config });
    try {
      await redis.start();
      return redis;
    } catch (error) {
      const isWorthAnotherTry = options.port === undefined && redis.isPortTaken;
      if (!isWorthAnotherTry || tries === PORT_TRIES_MAX) throw error;
    }
  }
}
