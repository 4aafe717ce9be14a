import { InvalidArgumentError, Option, type Command } from "commander";
import { checkTaskId } from "../../core/names.ts";
import { TASK_STATES, type TaskState } from "../../core/task.ts";
import type { Queue } from "../../queue/queue.ts";
import { durationArgument, integerArgument } from "../arguments.ts";
import { changeInBulk } from "../bulk-change.ts";
import { countOf, tasks } from "../counting.ts";
import { confirmed, withDestructiveFlags, type DestructiveFlags } from "../destructive.ts";
import { CliError, EXIT } from "../exit.ts";
import {
  FILTER_HELP,
  filterOf,
  hasFilter,
  withFilterFlags,
  withLimit,
  type FilterFlags,
} from "../filter-flags.ts";
import { timeArgument, type GivenTime } from "../given-time.ts";
import { print, printJson, printable } from "../output.ts";
import { readPayload } from "../payload-argument.ts";
import { checkQueueExists, withRedis, withRedisFlags, type RedisFlags } from "../redis-session.ts";
import { showTask } from "../show-task.ts";
import { LIMIT_DEFAULT, listTasks } from "../task-list.ts";
import { shownTime, withTimeZone } from "../time-zone.ts";
import { addAddCommand } from "./add.ts";

interface JsonFlags extends RedisFlags {
  readonly json?: true;
}

interface ListFlags extends JsonFlags, FilterFlags {
  readonly state?: readonly TaskState[];
  readonly limit: number;
}

interface CancelFlags extends JsonFlags, FilterFlags, DestructiveFlags {
  readonly state?: "delayed" | "ready";
  readonly all?: true;
  readonly abort?: true;
}

const AGE = "added longer ago";

export function addTaskCommands(root: Command): void {
  const task = root.command("task").summary("work on tasks").description("Lists, shows and changes tasks.");
  addLs(task);
  addShow(task);
  addAddCommand(task);
  addCancel(task);
  addReschedule(task);
  addRunNow(task);
  addUpdate(task);
}

function addLs(task: Command): void {
  withFilterFlags(withRedisFlags(task.command("ls")), AGE)
    .summary("list tasks")
    .description("Lists the tasks of a queue, one state after the other, within each the earliest due first.")
    .argument("<queue>")
    .option("--state <state,...>", `some of ${TASK_STATES.join(", ")}; default: all`, statesArgument)
    .option("--limit <n>", "at most so many; 0 for all", integerArgument(0), LIMIT_DEFAULT)
    .option("--json", "one JSON object a line, payload included")
    .addHelpText(
      "after",
      `${FILTER_HELP}

Example:
  $ delayq task ls emails --state delayed --due-before 'in 1h' --name welcome`,
    )
    .action(list);
}

function addShow(task: Command): void {
  withTimeZone(withRedisFlags(task.command("show")))
    .summary("show a task")
    .description("Shows a task with its payload, and its last error or its result.")
    .argument("<queue>")
    .argument("<id>")
    .option("--json", "print the task as JSON")
    .addHelpText("after", "\nExample:\n  $ delayq task show emails order-7 --json")
    .action(async (queue: string, id: string, flags: JsonFlags) => await showTask(queue, id, flags));
}

function addCancel(task: Command): void {
  withDestructiveFlags(withLimit(withFilterFlags(withRedisFlags(task.command("cancel")), AGE)))
    .summary("cancel pending tasks")
    .description("Cancels tasks that are delayed or ready: they never start. Give ids, a filter, or --all.")
    .argument("<queue>")
    .argument("[id...]")
    .addOption(new Option("--state <state>", "only those").choices(["delayed", "ready"]))
    .option("--all", "all that are delayed or ready now")
    .option("--abort", "running ones too, if they are given by id: their leases are revoked")
    .option("--json", "print how many there were of each outcome as JSON")
    .addHelpText(
      "after",
      `${FILTER_HELP}
Ctrl-C ends it between two batches; run it again for the rest.

Examples:
  $ delayq task cancel emails order-7
  $ delayq task cancel emails --name digest --due-after 'in 7d' --yes`,
    )
    .action(cancel);
}

function addReschedule(task: Command): void {
  withTimeZone(withRedisFlags(task.command("reschedule")))
    .summary("give a pending task another due time")
    .description("Gives a task that is delayed or ready another due time.")
    .argument("<queue>")
    .argument("<id>")
    .addOption(new Option("--in <duration>", "so long from now").argParser(durationArgument).conflicts("at"))
    .addOption(new Option("--at <time>", "at this time").argParser(timeArgument))
    .option("--json", "print the outcome as JSON")
    .addHelpText(
      "after",
      "\nExample:\n  $ delayq task reschedule emails order-7 --at 2027-01-01T09:00 --tz Asia/Tokyo",
    )
    .action(
      async (
        queue: string,
        id: string,
        { in: delay, at, ...flags }: JsonFlags & { in?: number; at?: GivenTime },
        command: Command,
      ) => {
        const due = at?.due() ?? (delay === undefined ? undefined : { delay });
        if (due === undefined) command.error("error: give --in or --at", { exitCode: EXIT.usage });
        await changeOne(queue, id, flags, {
          wanted: "rescheduled",
          change: async (q) => await q.reschedule(id, due),
        });
      },
    );
}

function addRunNow(task: Command): void {
  withRedisFlags(task.command("run-now"))
    .summary("make a pending task due now")
    .description(
      "Makes a task that is delayed due now. One that is due keeps its turn; if it has an expireMs, that counts from now.",
    )
    .argument("<queue>")
    .argument("<id>")
    .option("--json", "print the outcome as JSON")
    .addHelpText("after", "\nExample:\n  $ delayq task run-now emails order-7")
    .action(async (queue: string, id: string, flags: JsonFlags) => {
      await changeOne(queue, id, flags, { wanted: "due", change: async (q) => await q.runNow(id) });
    });
}

function addUpdate(task: Command): void {
  withRedisFlags(task.command("update"))
    .summary("give a task another payload")
    .description("Gives a task that does not run another payload.")
    .argument("<queue>")
    .argument("<id>")
    .argument("<data>", "the payload as JSON; - reads it from stdin")
    .option("--json", "print the outcome as JSON")
    .addHelpText("after", `\nExample:\n  $ delayq task update emails order-7 '{"userId":8}'`)
    .action(async (queue: string, id: string, dataText: string, flags: JsonFlags) => {
      const data = await readPayload(dataText);
      await changeOne(queue, id, flags, { wanted: "updated", change: async (q) => await q.update(id, data) });
    });
}

async function list(queueName: string, { limit, json, state, ...flags }: ListFlags): Promise<void> {
  await withRedis(flags, async (redis) => {
    await checkQueueExists(redis, queueName);
    await listTasks({
      queue: redis.queue(queueName),
      states: state ?? TASK_STATES,
      filter: filterOf(flags, redis.nowMs, "addedBefore"),
      limit,
      json,
      heads: ["id", "name", "state", "due", "attempts", "priority"],
      row: ({ id, name, state, dueAtMs, attempt, priority }) => [
        id,
        name,
        state,
        shownTime(dueAtMs),
        attempt,
        priority,
      ],
      none: `no task of ${queueName} matches`,
    });
  });
}

/** Whoever gives ids has looked at them; what a filter matches is counted first. */
async function cancel(queueName: string, ids: string[], flags: CancelFlags, command: Command): Promise<void> {
  const isFiltered = hasFilter(flags) || flags.state !== undefined;
  if ([ids.length > 0, isFiltered, flags.all].filter(Boolean).length !== 1) {
    command.error("error: give ids, or a filter such as --name or --state, or --all", {
      exitCode: EXIT.usage,
    });
  }
  if (flags.abort && ids.length === 0) {
    command.error("error: --abort needs ids", { exitCode: EXIT.usage });
  }
  for (const id of ids) checkTaskId(id);
  await withRedis(flags, async (redis) => {
    await checkQueueExists(redis, queueName);
    const queue = redis.queue(queueName);
    const filter = filterOf(flags, redis.nowMs, "addedBefore");
    const states = flags.state === undefined ? (["delayed", "ready"] as const) : [flags.state];
    const total = ids.length > 0 ? ids.length : await countOf(queue, states, filter);
    const isAsked = ids.length === 0 || flags.dryRun === true;
    const deed = { text: `cancel ${tasks(total)} of ${queueName}`, count: total };
    if (isAsked && !(await confirmed(queueName, deed, flags))) return;
    const which = { ...filter, ...(flags.state !== undefined && { state: flags.state }) };
    await changeInBulk({
      wanted: "cancelled",
      unfit: "not cancelled",
      doing: "cancelling",
      total,
      json: flags.json,
      isStrict: ids.length > 0,
      change: async (options) =>
        await queue.cancel(ids.length > 0 ? ids : which, { ...options, abort: flags.abort === true }),
    });
  });
}

/** Why a task in this state is not changed, and what to do instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  leased: "it is running",
  dead: "it is dead; `delayq dead requeue` brings it back",
  done: "it is done",
};

async function changeOne(
  queueName: string,
  id: string,
  flags: JsonFlags,
  { wanted, change }: { wanted: string; change: (queue: Queue) => Promise<string> },
): Promise<void> {
  checkTaskId(id);
  const outcome = await withRedis(flags, async (redis) => {
    await checkQueueExists(redis, queueName);
    return await change(redis.queue(queueName));
  });
  if (flags.json) printJson({ id, outcome });
  if (outcome === "missing") throw new CliError(EXIT.notFound, `there is no task ${id} in ${queueName}`);
  if (outcome !== wanted)
    throw new CliError(EXIT.failed, `task ${id} was not changed: ${INSTEAD[outcome] ?? outcome}`);
  if (!flags.json) print(printable(`${id} ${outcome}`));
}

function statesArgument(text: string): TaskState[] {
  const states = text.split(",").map((state) => state.trim());
  if (states.every((state) => TASK_STATES.includes(state as TaskState))) return states as TaskState[];
  throw new InvalidArgumentError(`Expected some of ${TASK_STATES.join(", ")}, with commas between them.`);
}
