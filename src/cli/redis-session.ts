import { Option, type Command } from "commander";
import { pino } from "pino";
import { DelayqError } from "../core/errors.ts";
import { checkKeyPart } from "../core/names.ts";
import { Queue, type QueueOptions } from "../queue/queue.ts";
import type { Logger } from "../runtime/logger.ts";
import { Connection } from "../store/connection.ts";
import { readQueues, readTimeMs, within } from "../store/queue-store.ts";
import { CliError, EXIT } from "./exit.ts";

/** What every command that talks to Redis is given. */
export interface RedisFlags {
  readonly url?: string;
  readonly prefix: string;
}

/** A Redis that has answered, for as long as one command runs. */
export interface RedisSession {
  readonly url: string;
  readonly prefix: string;
  readonly connection: Connection;
  /** What its clock said when it answered, epoch ms. */
  readonly nowMs: number;
  /** Closed with the session. */
  readonly queue: (name: string, options?: QueueOptions) => Queue;
}

const DEFAULT_URL = "redis://127.0.0.1:6379";
/** A command tells within 5 s that there is no Redis, its own start included. */
const REACH_MS = 2500;
const ADD_MS = 10_000;

export function withRedisFlags(command: Command): Command {
  return command
    .addOption(new Option("--url <url>", `where Redis is (env: DELAYQ_REDIS_URL, default: ${DEFAULT_URL})`))
    .addOption(new Option("--prefix <prefix>", "what all its keys begin with").default("dq"));
}

/** @throws CliError with exit code 3 unless Redis answers within a few seconds */
export async function withRedis<T>(
  flags: RedisFlags,
  work: (redis: RedisSession) => Promise<T>,
  logger: Logger = pino({ level: "silent" }),
): Promise<T> {
  const url = flags.url ?? (process.env["DELAYQ_REDIS_URL"] || DEFAULT_URL);
  const prefix = checkKeyPart("prefix", flags.prefix);
  const connection = Connection.acquire(url, logger);
  const queues: Queue[] = [];
  try {
    const nowMs = await reach(connection, url);
    const queue = (name: string, options: QueueOptions = {}): Queue => {
      const opened = new Queue(name, { connection: url, prefix, logger, addTimeoutMs: ADD_MS, ...options });
      queues.push(opened);
      return opened;
    };
    return await work({ url, prefix, connection, nowMs, queue });
  } finally {
    await Promise.all(queues.map(async (queue) => await queue.close()));
    connection.release();
  }
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

async function reach(connection: Connection, url: string): Promise<number> {
  try {
    return await readTimeMs(connection, within(REACH_MS));
  } catch (error) {
    if (!(error instanceof DelayqError)) throw error;
    const reason = error.cause instanceof Error ? error.cause.message : error.message;
    throw new CliError(
      EXIT.redis,
      `Redis at ${address(url)} cannot be used: ${reason || "it does not answer"}`,
      {
        cause: error,
      },
    );
  }
}

/** Without user, password and whatever else the URL's query may hold. */
function address(url: string): string {
  if (!URL.canParse(url)) return "the given path";
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
