import type { Command } from "commander";
import { TASK_STATES, type TaskCounts, type TaskState } from "../../core/task.ts";
import { readQueues } from "../../store/queue-store.ts";
import { changeInBulk } from "../bulk-change.ts";
import { countOf, tasks } from "../counting.ts";
import { confirmed, withDestructiveFlags, type DestructiveFlags } from "../destructive.ts";
import { print, printJson, say } from "../output.ts";
import {
  checkQueueExists,
  withRedis,
  withRedisFlags,
  type RedisFlags,
  type RedisSession,
} from "../redis-session.ts";
import { tableOf } from "../table.ts";

interface QueueFlags extends RedisFlags {
  readonly json?: true;
}

interface ObliterateFlags extends QueueFlags, DestructiveFlags {
  readonly force?: true;
}

type QueueLook = { readonly queue: string; readonly shards: number; readonly paused: boolean } & TaskCounts;

const PENDING: readonly TaskState[] = ["delayed", "ready"];

export function addQueueCommands(root: Command): void {
  const queue = root
    .command("queue")
    .summary("work on whole queues")
    .description("Looks at whole queues, stops and empties them.");
  addLs(queue);
  addShow(queue);
  addPauseAndResume(queue);
  addDrain(queue);
  addObliterate(queue);
}

function addLs(queue: Command): void {
  withRedisFlags(queue.command("ls"))
    .summary("list the queues")
    .description("Lists the queues under the prefix, with their shards and their tasks by state.")
    .option("--json", "one JSON document: an array")
    .addHelpText("after", "\nExample:\n  $ delayq queue ls")
    .action(async ({ json, ...flags }: QueueFlags) => {
      await withRedis(flags, async (redis) => {
        const looks = await lookAtAll(redis);
        if (json) printJson(looks);
        else if (looks.length === 0) say(`no queues under the prefix ${redis.prefix}`);
        else print(shown(looks));
      });
    });
}

function addShow(queue: Command): void {
  withRedisFlags(queue.command("show"))
    .summary("show a queue")
    .description("Shows a queue: its shards, whether it is paused, its tasks by state.")
    .argument("<queue>")
    .option("--json", "print it as JSON")
    .addHelpText("after", "\nExample:\n  $ delayq queue show emails --json")
    .action(async (name: string, { json, ...flags }: QueueFlags) => {
      await withRedis(flags, async (redis) => {
        await checkQueueExists(redis, name);
        const look = await lookAt(
          redis,
          name,
          (await readQueues(redis.connection, redis.prefix)).get(name) ?? 0,
        );
        if (json) printJson(look);
        else print(shown([look]));
      });
    });
}

function addPauseAndResume(queue: Command): void {
  const add = (verb: "pause" | "resume", summary: string, description: string): void => {
    withRedisFlags(queue.command(verb))
      .summary(summary)
      .description(description)
      .argument("<queue>")
      .option("--json", "print the new state as JSON")
      .addHelpText("after", `\nExample:\n  $ delayq queue ${verb} emails`)
      .action(async (name: string, { json, ...flags }: QueueFlags) => {
        await withRedis(flags, async (redis) => {
          await checkQueueExists(redis, name);
          await redis.queue(name)[verb]();
          if (json) printJson({ queue: name, paused: verb === "pause" });
          else print(`${verb}d ${name}`);
        });
      });
  };
  add(
    "pause",
    "hand out no tasks",
    "Hands out no tasks of a queue any more. What runs goes on, and tasks can be added.",
  );
  add("resume", "hand out tasks again", "Hands out the tasks of a queue again.");
}

function addDrain(queue: Command): void {
  withDestructiveFlags(withRedisFlags(queue.command("drain")))
    .summary("cancel all pending tasks")
    .description(
      "Cancels all tasks of a queue that are delayed or ready. What runs, and what is dead, stays.",
    )
    .argument("<queue>")
    .option("--json", "print how many there were of each outcome as JSON")
    .addHelpText(
      "after",
      `
Ctrl-C ends it between two batches; run it again for the rest. Tasks that are added meanwhile may go too or stay.

Example:
  $ delayq queue drain emails --dry-run`,
    )
    .action(drain);
}

function addObliterate(queue: Command): void {
  withDestructiveFlags(withRedisFlags(queue.command("obliterate")))
    .summary("remove a queue with all its tasks")
    .description("Removes a queue with all its tasks, whatever their states, and its counters.")
    .argument("<queue>")
    .option("--force", "also while tasks are running")
    .option("--json", "print what was removed as JSON")
    .addHelpText(
      "after",
      `
Stop its producers first: a task that is added meanwhile may go too.

Example:
  $ delayq queue obliterate emails --yes`,
    )
    .action(obliterate);
}

async function drain(name: string, flags: QueueFlags & DestructiveFlags): Promise<void> {
  await withRedis(flags, async (redis) => {
    await checkQueueExists(redis, name);
    const queue = redis.queue(name);
    const total = await countOf(queue, PENDING, {});
    const deed = { text: `cancel ${tasks(total)} of ${name}`, count: total };
    if (!(await confirmed(name, deed, flags))) return;
    await changeInBulk({
      wanted: "cancelled",
      unfit: "not cancelled",
      doing: "cancelling",
      total,
      json: flags.json,
      isStrict: false,
      change: async (options) => await queue.cancel({}, options),
    });
  });
}

async function obliterate(name: string, flags: ObliterateFlags): Promise<void> {
  await withRedis(flags, async (redis) => {
    await checkQueueExists(redis, name);
    const queue = redis.queue(name);
    const { paused: _, ...counts } = await queue.counts();
    const total = TASK_STATES.reduce((sum, state) => sum + counts[state], 0);
    const deed = { text: `remove the queue ${name} with ${tasks(total)}`, count: total };
    if (!(await confirmed(name, deed, flags))) return;
    await queue.obliterate({ force: flags.force === true });
    if (flags.json) printJson({ queue: name, removed: total });
    else print(`removed ${name} with ${tasks(total)}`);
  });
}

async function lookAtAll(redis: RedisSession): Promise<QueueLook[]> {
  const queues = [...(await readQueues(redis.connection, redis.prefix))].toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const looks: QueueLook[] = [];
  for (const [queue, shards] of queues) looks.push(await lookAt(redis, queue, shards));
  return looks;
}

async function lookAt(redis: RedisSession, queue: string, shards: number): Promise<QueueLook> {
  const { paused, ...counts } = await redis.queue(queue).counts();
  return { queue, shards, paused, ...counts };
}

function shown(looks: readonly QueueLook[]): string {
  const rows = looks.map((look) => [
    look.queue,
    look.shards,
    ...TASK_STATES.map((state) => look[state]),
    look.paused ? "paused" : "",
  ]);
  return tableOf(["queue", "shards", ...TASK_STATES, ""], rows);
}
