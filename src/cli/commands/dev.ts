import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { setInterval } from "node:timers/promises";
import { Option, type Command } from "commander";
import { startDevRedis, type DevRedis } from "../../dev/dev-redis.ts";
import { integerArgument } from "../arguments.ts";
import { userDataFolder } from "../data-folder.ts";
import { CliError, EXIT } from "../exit.ts";
import { lockFolder } from "../folder-lock.ts";
import { print, printJson, say } from "../output.ts";
import { onStopSignal } from "../../runtime/signals.ts";

interface DevFlags {
  readonly dir: string;
  readonly port?: number;
  readonly json?: true;
}

const LOOK_MS = 500;

const HELP = `
Uses a redis-server of this machine, or Docker; where there is neither it says what to do, or fetches one.

Example:
  $ delayq dev --port 6390`;

export function addDevCommand(root: Command): void {
  root
    .command("dev")
    .summary("run a private Redis for development")
    .description("Runs a private Redis on 127.0.0.1 until Ctrl-C. Its data is kept for the next time.")
    .addOption(
      new Option("--dir <folder>", "where its data is kept").default(
        join(userDataFolder(process.env, process.platform), "delayq", "redis"),
        "delayq/redis in your data folder",
      ),
    )
    .option("--port <port>", "default: one that is free", integerArgument(1, 65_535))
    .option("--json", "print { url, port, pid, version, dir } as JSON when it runs")
    .addHelpText("after", HELP)
    .action(run);
}

async function run({ dir, port, json }: DevFlags): Promise<void> {
  const folder = resolve(dir);
  makeFolder(folder);
  const unlock = lockFolder(folder);
  let stopListening: (() => void) | undefined;
  try {
    const stopped = new Promise<void>((resolve) => {
      stopListening = onStopSignal(() => resolve());
    });
    const redis = await start(folder, port);
    tell(redis, folder, json === true);
    const watch = new AbortController();
    try {
      await Promise.race([stopped, ended(redis, watch.signal)]);
    } finally {
      watch.abort();
      await redis.stop();
    }
  } finally {
    stopListening?.();
    unlock();
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new CliError(EXIT.failed, `${folder} cannot be made: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** One of its own, even where another one is named by the environment. */
async function start(dataDir: string, port: number | undefined): Promise<DevRedis> {
  const { DELAYQ_REDIS_URL: _, ...env } = process.env;
  return await startDevRedis({ dataDir, env, onProgress: say, ...(port !== undefined && { port }) });
}

function tell({ url, pid, version }: DevRedis, dir: string, isJson: boolean): void {
  if (isJson) printJson({ url, port: Number(new URL(url).port), pid, version, dir });
  else {
    print(url);
    print(`export DELAYQ_REDIS_URL=${url}`);
  }
  say(`Redis ${version ?? ""} is running, its data in ${dir}. Ctrl-C ends it; the data stays.`);
}

/** Rejects when the server ends by itself; until then it keeps this process alive. */
async function ended({ pid }: DevRedis, signal: AbortSignal): Promise<void> {
  for await (const _ of setInterval(LOOK_MS, undefined, { signal })) {
    if (pid !== undefined && !isAlive(pid)) throw new CliError(EXIT.unhealthy, "Redis has ended by itself");
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
