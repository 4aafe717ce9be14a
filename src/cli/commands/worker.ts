import { hostname } from "node:os";
import type { Command } from "commander";
import { Worker } from "../../assembly/worker.ts";
import { checkKeyPart } from "../../core/names.ts";
import { LEASE_MAX_MS, LEASE_MIN_MS } from "../../core/options.ts";
import type { AnyTasks } from "../../core/task.ts";
import { bounded } from "../../runtime/bounded.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { Handlers } from "../../worker/handler.ts";
import { integerArgument } from "../arguments.ts";
import { CliError, EXIT } from "../exit.ts";
import { addMembersCommand, passOnHelp } from "./members.ts";
import { loadHandlers } from "../handler-module.ts";
import { startTelling, withMetricsFlags, type MetricsFlags, type Telling } from "../metrics-flags.ts";
import {
  loggerOf,
  withProcessFlags,
  withTaskLogFlags,
  type ProcessFlags,
  type TaskLogFlags,
} from "../process-flags.ts";
import { withRedis, withRedisFlags, type RedisFlags, type RedisSession } from "../redis-session.ts";
import { RunningTasks } from "../running-tasks.ts";
import { StopRequest, type StopReason } from "../stop-request.ts";

interface WorkerFlags extends RedisFlags, ProcessFlags, TaskLogFlags, MetricsFlags {
  readonly queue: string;
  readonly handler: string;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly scheduler: boolean;
  readonly graceMs: number;
  readonly logPayloads: boolean;
}

const GRACE_MAX_MS = 604_800_000;

const HELP = `
The handler file exports one of:
  export default async (task, { signal, fence, log, progress }) => result        for all tasks
  export default { welcome: async (task) => {}, digest: async (task) => {} }      by task name
  export async function welcome(task) {}                                          by task name

SIGTERM and Ctrl-C drain: nothing more is claimed, running handlers get the grace to finish, the tasks of the rest go back
with no attempt used. A second one ends the process at once. An error that is thrown outside of a handler's promise (in a
timer, or a promise that nobody awaits) is logged; the worker drains and ends with code 1, for its supervisor to start anew.

\`delayq worker\` alone means the same. \`delayq worker ls\` lists the workers that live.

Example:
  $ delayq worker --queue emails --handler ./handlers.js --concurrency 50`;

export function addWorkerCommand(root: Command): void {
  const worker = root.command("worker").summary("run the tasks of a queue, or list who does");
  addMembersCommand(worker, "worker");
  const flagged = withTaskLogFlags(withProcessFlags(worker.command("run", { isDefault: true })));
  withRedisFlags(withMetricsFlags(flagged))
    .summary("run the tasks of a queue")
    .description("Runs the tasks of a queue with the handlers of a module, until it is told to stop.")
    .requiredOption("--queue <name>", "whose tasks are run")
    .requiredOption("--handler <file>", "the module of handlers, relative to the working directory")
    .option("--concurrency <n>", "how many handlers run at the same time", integerArgument(1, 100_000), 10)
    .option(
      "--lease-ms <ms>",
      "for how long a task is this worker's without a sign of life",
      integerArgument(LEASE_MIN_MS, LEASE_MAX_MS),
      15_000,
    )
    .option("--no-scheduler", "leave scheduling to `delayq scheduler`")
    .option(
      "--grace-ms <ms>",
      "how long running handlers may take to finish at the end",
      integerArgument(0, GRACE_MAX_MS),
      30_000,
    )
    .option("--log-payloads", "log the payloads of tasks that are started, and do not hide any", false)
    .addHelpText("after", HELP)
    .action(run);
  passOnHelp(worker);
}

async function run(flags: WorkerFlags): Promise<void> {
  checkKeyPart("queue name", flags.queue);
  const logger = await loggerOf(flags, flags.logPayloads);
  const running = new RunningTasks();
  const stop = new StopRequest((error) => logger.error({ err: error }, "one more error outside of handlers"));
  let telling: Telling | undefined;
  try {
    telling = await startTelling(flags, logger);
    const service = { flags, telling, running, stop, logger };
    const handlers = running.watch(await loadHandlers(flags.handler));
    await withRedis(flags, async (redis) => await serve(redis, { ...service, handlers }), logger);
  } finally {
    await telling?.close();
    stop.finish();
  }
}

interface Service {
  readonly flags: WorkerFlags;
  readonly telling: Telling;
  readonly handlers: Handlers<AnyTasks>;
  readonly running: RunningTasks;
  readonly stop: StopRequest;
  readonly logger: Logger;
}

async function serve({ option, prefix }: RedisSession, service: Service): Promise<void> {
  const { flags, handlers, running, stop, logger, telling } = service;
  const { queue, concurrency, leaseMs, scheduler, graceMs, taskLogLevel, logPayloads } = flags;
  const worker = new Worker(queue, handlers, {
    connection: option,
    prefix,
    concurrency,
    leaseMs,
    scheduler,
    logger,
    taskLogLevel,
    logPayloads,
  });
  const counts = countTasks(worker);
  logger.info({ queue, id: worker.id, concurrency, scheduler, host: hostname() }, "worker started");
  telling.serving({ workers: [worker] });
  const reason = await stop.requested;
  telling.stopping();
  logger[isError(reason) ? "fatal" : "info"](
    {
      ...(isError(reason) ? { err: reason.error } : reason),
      queue,
      running: running.count,
      tasks: running.names(),
    },
    isError(reason) ? "an error outside of handlers; draining" : "draining",
  );
  const left = isError(reason)
    ? await abandon(worker, running, graceMs)
    : await drain(worker, running, graceMs);
  logger.info({ queue, id: worker.id, ...counts }, "worker stopped");
  if (left > 0) logger.warn({ queue, left }, "some handlers did not finish within the grace");
  if (isError(reason) || left > 0) throw new CliError(EXIT.failed);
}

/** Tells how many handlers had not finished when the grace was spent; their tasks were released. */
async function drain(worker: Worker, running: RunningTasks, graceMs: number): Promise<number> {
  let left = 0;
  const spent = setTimeout(() => {
    left = running.count;
  }, graceMs);
  await worker.close({ graceMs });
  clearTimeout(spent);
  return left;
}

/**
 * After an error that nobody caught, the tasks that do not finish are not released but left to their leases: that counts
 * as a death, so a task that always brings its worker down is buried in the end.
 */
async function abandon(worker: Worker, running: RunningTasks, graceMs: number): Promise<number> {
  await bounded(worker.close({ graceMs: GRACE_MAX_MS }), graceMs);
  return running.count;
}

function countTasks(worker: Worker): Record<"completed" | "failed" | "dead" | "expired", number> {
  const counts = { completed: 0, failed: 0, dead: 0, expired: 0 };
  worker.on("completed", () => counts.completed++);
  worker.on("failed", () => counts.failed++);
  worker.on("dead", () => counts.dead++);
  worker.on("expired", () => counts.expired++);
  return counts;
}

const isError = (reason: StopReason): reason is { readonly error: unknown } => "error" in reason;
