import type { Command } from "commander";
import { checkTaskId } from "../../core/names.ts";
import type { RequeueOutcome } from "../../queue/queue.ts";
import { withTimes } from "../document.ts";
import { integerArgument } from "../arguments.ts";
import { CliError, EXIT } from "../exit.ts";
import { print, printJson, say } from "../output.ts";
import { checkQueueExists, withRedis, withRedisFlags, type RedisFlags } from "../redis-session.ts";
import { tableOf } from "../table.ts";

interface ListFlags extends RedisFlags {
  readonly limit: number;
  readonly json?: true;
}

interface RequeueFlags extends RedisFlags {
  readonly name?: string;
  readonly error?: string;
  readonly all?: true;
  readonly json?: true;
}

const ERROR_SHOWN_MAX = 80;

export function addDeadCommand(root: Command): void {
  const dead = root
    .command("dead")
    .summary("look at dead tasks, and bring them back")
    .description("Looks at the tasks that failed for good, and brings them back.");
  withRedisFlags(dead.command("ls"))
    .summary("list dead tasks")
    .description("Lists the dead tasks of a queue, the longest dead first.")
    .argument("<queue>")
    .option("--limit <n>", "at most so many", integerArgument(1), 100)
    .option("--json", "one JSON object a line, payload and stack included")
    .addHelpText("after", "\nExample:\n  $ delayq dead ls emails --limit 20")
    .action(list);
  withRedisFlags(dead.command("requeue"))
    .summary("bring dead tasks back")
    .description("Brings dead tasks back, due now and with all their attempts. Give ids, a filter, or --all.")
    .argument("<queue>")
    .argument("[id...]")
    .option("--name <name>", "those of this name")
    .option("--error <text>", "those whose last error holds this text")
    .option("--all", "all that are dead now")
    .option("--json", "print how many there were of each outcome as JSON")
    .addHelpText("after", "\nExample:\n  $ delayq dead requeue emails --name welcome --error ETIMEDOUT")
    .action(requeue);
}

async function list(queueName: string, { limit, json, ...flags }: ListFlags): Promise<void> {
  await withRedis(flags, async (redis) => {
    await checkQueueExists(redis, queueName);
    const rows: (string | number)[][] = [];
    let count = 0;
    for await (const task of redis.queue(queueName).list("dead", { limit: limit + 1 })) {
      if (++count > limit) break;
      const { id, name, attempt, error } = task;
      if (json) printJson(withTimes(task));
      else
        rows.push([id, name, attempt, error === undefined ? "" : clipped(`${error.name}: ${error.message}`)]);
    }
    if (!json && rows.length > 0) print(tableOf(["id", "name", "attempts", "error"], rows));
    if (!json && rows.length === 0) say(`no task of ${queueName} is dead`);
    if (count > limit) say(`there are more; --limit shows more than ${limit}`);
  });
}

async function requeue(
  queueName: string,
  ids: string[],
  flags: RequeueFlags,
  command: Command,
): Promise<void> {
  const { name, error, all, json } = flags;
  const hasFilter = name !== undefined || error !== undefined;
  if ([ids.length > 0, hasFilter, all].filter(Boolean).length !== 1) {
    command.error("error: give ids, or --name and --error, or --all", { exitCode: EXIT.usage });
  }
  for (const id of ids) checkTaskId(id);
  const filter = { ...(name !== undefined && { name }), ...(error !== undefined && { error }) };
  const outcomes = await withRedis(flags, async (redis) => {
    await checkQueueExists(redis, queueName);
    const queue = redis.queue(queueName);
    return ids.length > 0 ? await queue.requeue(ids) : await queue.requeue(filter);
  });
  const { requeued = 0, ...others } = outcomes;
  if (json) printJson({ requeued, ...others });
  else print(`requeued ${requeued}`);
  if (ids.length > 0) complain(others);
}

/** Of ids that were given, each must have been dead; what a filter finds may have moved meanwhile. */
function complain(others: Partial<Record<RequeueOutcome, number>>): void {
  const told = Object.entries(others).map(([outcome, count]) => `${count} ${outcome}`);
  if (told.length === 0) return;
  throw new CliError(
    others.missing === undefined ? EXIT.failed : EXIT.notFound,
    `not dead: ${told.join(", ")}`,
  );
}

const clipped = (text: string): string =>
  text.length > ERROR_SHOWN_MAX ? `${text.slice(0, ERROR_SHOWN_MAX - 3).toWellFormed()}...` : text;
