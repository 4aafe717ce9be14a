import type { Command } from "commander";
import { checkKeyPart } from "../../core/names.ts";
import { Scheduler } from "../../scheduler/scheduler.ts";
import { addMembersCommand, passOnHelp } from "./members.ts";
import { startTelling, withMetricsFlags, type MetricsFlags, type Telling } from "../metrics-flags.ts";
import {
  loggerOf,
  withProcessFlags,
  withTaskLogFlags,
  type ProcessFlags,
  type TaskLogFlags,
} from "../process-flags.ts";
import { withRedis, withRedisFlags, type RedisFlags, type RedisSession } from "../redis-session.ts";
import { StopRequest } from "../stop-request.ts";
import { CliError, EXIT } from "../exit.ts";

interface SchedulerFlags extends RedisFlags, ProcessFlags, TaskLogFlags, MetricsFlags {
  readonly queue: readonly string[];
}

const HELP = `
Any number of schedulers may serve the same queues: they share the work, and take over from one that ends.

\`delayq scheduler\` alone means the same. \`delayq scheduler ls\` lists the schedulers that live.

Example:
  $ delayq scheduler --queue emails --queue invoices`;

export function addSchedulerCommand(root: Command): void {
  const scheduler = root.command("scheduler").summary("bring due tasks to their workers, or list who does");
  addMembersCommand(scheduler, "scheduler");
  const flagged = withTaskLogFlags(withProcessFlags(scheduler.command("run", { isDefault: true })));
  withRedisFlags(withMetricsFlags(flagged))
    .summary("bring due tasks to their workers")
    .description(
      "Wakes when tasks of its queues are due, and brings them to the workers, until it is told to stop.",
    )
    .requiredOption("--queue <name...>", "which queues; may be given several times")
    .addHelpText("after", HELP)
    .action(run);
  passOnHelp(scheduler);
}

async function run(flags: SchedulerFlags): Promise<void> {
  for (const queue of flags.queue) checkKeyPart("queue name", queue);
  const { taskLogLevel } = flags;
  const logger = await loggerOf(flags);
  const stop = new StopRequest((error) => logger.error({ err: error }, "one more error"));
  let telling: Telling | undefined;
  const serve = async ({ option, prefix }: RedisSession): Promise<void> => {
    const scheduler = new Scheduler(flags.queue, { connection: option, prefix, logger, taskLogLevel });
    const { queues, id } = scheduler;
    logger.info({ queues, id }, "scheduler started");
    telling?.serving({ schedulers: [scheduler] });
    const reason = await stop.requested;
    telling?.stopping();
    if ("error" in reason) logger.fatal({ err: reason.error }, "an error that nobody caught; stopping");
    else logger.info({ queues, id, ...reason }, "stopping");
    await scheduler.close();
    logger.info({ queues, id }, "scheduler stopped");
    if ("error" in reason) throw new CliError(EXIT.failed);
  };
  try {
    telling = await startTelling(flags, logger);
    await withRedis(flags, serve, logger);
  } finally {
    await telling?.close();
    stop.finish();
  }
}
