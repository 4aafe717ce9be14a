import { Option, type Command } from "commander";
import { pino } from "pino";
import { DelayqError } from "../core/errors.ts";
import { checkKeyPart } from "../core/names.ts";
import { Queue, type QueueOptions } from "../queue/queue.ts";
import type { Logger } from "../runtime/logger.ts";
import type { ConnectionOption } from "../store/connection-options.ts";
import { addressOf, connectionTo, type Place } from "../store/connection-place.ts";
import { Connection } from "../store/connection.ts";
import { readQueues, readTimeMs, within } from "../store/queue-store.ts";
import { CliError, EXIT } from "./exit.ts";
import { say } from "./output.ts";
import { readSettings, type SettingsFlags } from "./settings.ts";

/** What every command that talks to Redis is given. */
export type RedisFlags = SettingsFlags;

/** A Redis that has answered, for as long as one command runs. */
export interface RedisSession {
  /** For what makes its own queues, workers or schedulers: they share the connection. */
  readonly option: ConnectionOption;
  readonly prefix: string;
  readonly connection: Connection;
  /** What its clock said when it answered, epoch ms. */
  readonly nowMs: number;
  /** Closed with the session. */
  readonly queue: (name: string, options?: QueueOptions) => Queue;
}

/** A command tells within 5 s that there is no Redis, its own start included. */
const REACH_MS = 2500;
/** After sentinels that are not there ioredis keeps the process alive for 2 s more. */
const REACH_SENTINEL_MS = 1500;
const ADD_MS = 10_000;

const SECRETS = `
Users and passwords are never flags, in no URL either: they stand in the URL of DELAYQ_REDIS_URL, or in
DELAYQ_REDIS_USERNAME and DELAYQ_REDIS_PASSWORD (of the sentinels themselves: DELAYQ_REDIS_SENTINEL_USERNAME and _PASSWORD).`;

export function withRedisFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--url <url>",
        "where Redis is (env: DELAYQ_REDIS_URL, default: redis://127.0.0.1:6379)",
      ).conflicts(["sentinel", "master", "cluster", "tls"]),
    )
    .addOption(
      new Option(
        "--sentinel <host:port,...>",
        "which sentinels know it (env: DELAYQ_REDIS_SENTINELS)",
      ).conflicts("cluster"),
    )
    .addOption(
      new Option("--master <name>", "how the sentinels name it (env: DELAYQ_REDIS_MASTER)").conflicts(
        "cluster",
      ),
    )
    .addOption(
      new Option("--cluster <host:port,...>", "some nodes of a Redis Cluster (env: DELAYQ_REDIS_CLUSTER)"),
    )
    .addOption(
      new Option("--tls", "sentinels and nodes speak TLS (env: DELAYQ_REDIS_TLS=1; a URL says rediss://)"),
    )
    .addOption(
      new Option("--prefix <prefix>", "what all its keys begin with (env: DELAYQ_PREFIX, default: dq)"),
    )
    .addOption(
      new Option("--context <name>", "which of the contexts of your config folder (env: DELAYQ_CONTEXT)"),
    )
    .addHelpText("after", SECRETS);
}

/** A Redis that may not answer. */
interface OpenRedis extends Omit<RedisSession, "nowMs" | "queue"> {
  readonly place: Place;
  readonly logger: Logger;
}

/** For what goes on when Redis is away: the connection may not be there yet. */
export async function withConnection<T>(
  flags: RedisFlags,
  work: (redis: OpenRedis) => Promise<T>,
  ownLogger?: Logger,
): Promise<T> {
  const { place, prefix: givenPrefix, warning } = readSettings(flags);
  const logger = ownLogger ?? pino({ level: "silent" });
  if (warning !== undefined && ownLogger === undefined) say(warning);
  else if (warning !== undefined) logger.warn(warning);
  const option = connectionTo(place);
  const prefix = checkKeyPart("prefix", givenPrefix);
  const connection = Connection.acquire(option, logger);
  try {
    return await work({ option, prefix, connection, place, logger });
  } finally {
    connection.release();
  }
}

/** @throws CliError with exit code 3 unless Redis answers within a few seconds */
export async function withRedis<T>(
  flags: RedisFlags,
  work: (redis: RedisSession) => Promise<T>,
  ownLogger?: Logger,
): Promise<T> {
  return await withConnection(
    flags,
    async ({ option, prefix, connection, place, logger }) => {
      const queues: Queue[] = [];
      const queue = (name: string, options: QueueOptions = {}): Queue => {
        const base = { connection: option, prefix, logger, addTimeoutMs: ADD_MS };
        const opened = new Queue(name, { ...base, ...options });
        queues.push(opened);
        return opened;
      };
      try {
        return await work({ option, prefix, connection, nowMs: await reach(connection, place), queue });
      } finally {
        await Promise.all(queues.map(async (opened) => await opened.close()));
      }
    },
    ownLogger,
  );
}

/** Reading never creates a queue, so that there is none is told. @throws CliError with exit code 4 */
export async function checkQueueExists({ connection, prefix }: RedisSession, queue: string): Promise<void> {
  checkKeyPart("queue name", queue);
  if ((await readQueues(connection, prefix)).has(queue)) return;
  throw new CliError(
    EXIT.notFound,
    `there is no queue ${queue} (prefix ${prefix}); nothing was ever added to it`,
  );
}

async function reach(connection: Connection, place: Place): Promise<number> {
  try {
    return await readTimeMs(connection, within(place.sentinel === undefined ? REACH_MS : REACH_SENTINEL_MS));
  } catch (error) {
    if (!(error instanceof DelayqError)) throw error;
    throw new CliError(
      EXIT.unhealthy,
      `Redis at ${addressOf(place)} cannot be used: ${reasonOf(error) || "it does not answer"}`,
      {
        cause: error,
      },
    );
  }
}

function reasonOf({ code, cause, message }: DelayqError): string {
  if (cause instanceof Error) return cause.message;
  return code === "DELAYQ_REDIS_UNAVAILABLE" || code === "DELAYQ_UNKNOWN_OUTCOME" ? "" : message;
}
