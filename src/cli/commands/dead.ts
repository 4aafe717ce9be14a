import type { Command } from "commander";
import { checkTaskId } from "../../core/names.ts";
import { integerArgument } from "../arguments.ts";
import { changeInBulk } from "../bulk-change.ts";
import { countOf, tasks } from "../counting.ts";
import { confirmed, tellDryRun, withDestructiveFlags, type DestructiveFlags } from "../destructive.ts";
import { EXIT } from "../exit.ts";
import {
  FILTER_HELP,
  filterOf,
  hasFilter,
  withFilterFlags,
  withLimit,
  type FilterFlags,
} from "../filter-flags.ts";
import { checkQueueExists, withRedis, withRedisFlags, type RedisFlags } from "../redis-session.ts";
import { LIMIT_DEFAULT, listTasks, shownError } from "../task-list.ts";
import { showTask } from "../show-task.ts";

interface ListFlags extends RedisFlags, FilterFlags {
  readonly limit: number;
  readonly json?: true;
}

interface ChangeFlags extends RedisFlags, FilterFlags, DestructiveFlags {
  readonly all?: true;
  readonly json?: true;
}

const AGE = "dead for longer";
const JSON_COUNTS = "print how many there were of each outcome as JSON";

export function addDeadCommand(root: Command): void {
  const dead = root
    .command("dead")
    .summary("look at dead tasks, bring them back, or away")
    .description("Looks at the tasks that failed for good, brings them back, or removes them.");
  addLs(dead);
  addShow(dead);
  addRequeue(dead);
  addPurge(dead);
}

function addLs(dead: Command): void {
  withFilterFlags(withRedisFlags(dead.command("ls")), AGE)
    .summary("list dead tasks")
    .description("Lists the dead tasks of a queue, the longest dead first.")
    .argument("<queue>")
    .option("--limit <n>", "at most so many; 0 for all", integerArgument(0), LIMIT_DEFAULT)
    .option("--json", "one JSON object a line, payload and stack included")
    .addHelpText(
      "after",
      `${FILTER_HELP}\n\nExample:\n  $ delayq dead ls emails --error ETIMEDOUT --limit 20`,
    )
    .action(list);
}

function addShow(dead: Command): void {
  withRedisFlags(dead.command("show"))
    .summary("show a dead task")
    .description("Shows a dead task with its payload and its last error.")
    .argument("<queue>")
    .argument("<id>")
    .option("--json", "print the task as JSON")
    .addHelpText("after", "\nExample:\n  $ delayq dead show emails order-7")
    .action(async (queue: string, id: string, flags: ListFlags) => await showTask(queue, id, flags, "dead"));
}

function addRequeue(dead: Command): void {
  withLimit(withFilterFlags(withRedisFlags(dead.command("requeue")), AGE))
    .summary("bring dead tasks back")
    .description("Brings dead tasks back, due now and with all their attempts. Give ids, a filter, or --all.")
    .argument("<queue>")
    .argument("[id...]")
    .option("--all", "all that are dead now")
    .option("--dry-run", "only say how many there are")
    .option("--json", JSON_COUNTS)
    .addHelpText(
      "after",
      `${FILTER_HELP}
Ctrl-C ends it between two batches. Run it again for the rest: what was brought back is no longer dead.

Example:
  $ delayq dead requeue emails --name welcome --error ETIMEDOUT`,
    )
    .action(requeue);
}

function addPurge(dead: Command): void {
  withDestructiveFlags(withLimit(withFilterFlags(withRedisFlags(dead.command("purge")), AGE)))
    .summary("remove dead tasks for good")
    .description("Removes dead tasks for good. Give ids, a filter, or --all.")
    .argument("<queue>")
    .argument("[id...]")
    .option("--all", "all that are dead now")
    .option("--json", JSON_COUNTS)
    .addHelpText(
      "after",
      `${FILTER_HELP}\n\nExample:\n  $ delayq dead purge emails --older-than 30d --dry-run`,
    )
    .action(purge);
}

async function list(queueName: string, { limit, json, ...flags }: ListFlags): Promise<void> {
  await withRedis(flags, async (redis) => {
    await checkQueueExists(redis, queueName);
    await listTasks({
      queue: redis.queue(queueName),
      states: ["dead"],
      filter: filterOf(flags, redis.nowMs, "diedBefore"),
      limit,
      json,
      heads: ["id", "name", "attempts", "error"],
      row: (task) => [task.id, task.name, task.attempt, shownError(task)],
      none: `no task of ${queueName} is dead`,
    });
  });
}

/** @throws CommanderError unless it is told which in one way */
export function checkWhich(
  ids: readonly string[],
  flags: FilterFlags & { all?: true },
  command: Command,
): void {
  if ([ids.length > 0, hasFilter(flags), flags.all].filter(Boolean).length !== 1) {
    command.error("error: give ids, or a filter such as --name and --error, or --all", {
      exitCode: EXIT.usage,
    });
  }
  for (const id of ids) checkTaskId(id);
}

async function requeue(
  queueName: string,
  ids: string[],
  flags: ChangeFlags,
  command: Command,
): Promise<void> {
  checkWhich(ids, flags, command);
  await withRedis(flags, async (redis) => {
    await checkQueueExists(redis, queueName);
    const queue = redis.queue(queueName);
    const filter = filterOf(flags, redis.nowMs, "diedBefore");
    const isCounted = ids.length === 0 && (flags.dryRun === true || !hasFilter(flags));
    const total = isCounted ? await countOf(queue, ["dead"], filter) : ids.length;
    if (flags.dryRun) {
      tellDryRun({ text: `requeue ${tasks(total)} of ${queueName}`, count: total }, flags);
      return;
    }
    await changeInBulk({
      wanted: "requeued",
      unfit: "not dead",
      doing: "requeueing",
      ...(total > 0 && { total }),
      json: flags.json,
      isStrict: ids.length > 0,
      change: async (options) => await queue.requeue(ids.length > 0 ? ids : filter, options),
    });
  });
}

/** Whoever gives ids has looked at them; what a filter matches is counted first. */
async function purge(queueName: string, ids: string[], flags: ChangeFlags, command: Command): Promise<void> {
  checkWhich(ids, flags, command);
  await withRedis(flags, async (redis) => {
    await checkQueueExists(redis, queueName);
    const queue = redis.queue(queueName);
    const filter = filterOf(flags, redis.nowMs, "diedBefore");
    const total = ids.length > 0 ? ids.length : await countOf(queue, ["dead"], filter);
    const deed = {
      text: `purge ${tasks(total)} of ${queueName} that ${total === 1 ? "is" : "are"} dead`,
      count: total,
    };
    const isAsked = ids.length === 0 || flags.dryRun === true;
    if (isAsked && !(await confirmed(queueName, deed, flags))) return;
    await changeInBulk({
      wanted: "purged",
      unfit: "not dead",
      doing: "purging",
      total,
      json: flags.json,
      isStrict: ids.length > 0,
      change: async (options) => await queue.purge(ids.length > 0 ? ids : filter, options),
    });
  });
}
