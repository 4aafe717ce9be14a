import type { Command } from "commander";
import { shardAdvice } from "../../core/shard-advice.ts";
import { TASK_STATES, type TaskCounts } from "../../core/task.ts";
import { readShardSizes } from "../../queue/shard-sizes.ts";
import { readQueues } from "../../store/queue-store.ts";
import { print, printJson, say } from "../output.ts";
import {
  checkQueueExists,
  withRedis,
  withRedisFlags,
  type RedisFlags,
  type RedisSession,
} from "../redis-session.ts";
import { tableOf } from "../table.ts";

interface StatsFlags extends RedisFlags {
  readonly json?: true;
}

type QueueStats = { readonly queue: string } & TaskCounts & {
    readonly paused: boolean;
    readonly counters: Readonly<Record<string, number>>;
  };

const EXAMPLE = `
Examples:
  $ delayq stats
  $ delayq stats emails --json | jq .counters.completed`;

export function addStatsCommand(root: Command): void {
  withRedisFlags(root.command("stats"))
    .summary("how many tasks are in each state")
    .description(
      "Shows how many tasks of a queue, or of all queues, are in each state, and what has happened so far.",
    )
    .argument("[queue]", "all queues if left out")
    .option("--json", "one JSON document: an object for one queue, an array for all")
    .addHelpText("after", EXAMPLE)
    .action(async (queue: string | undefined, flags: StatsFlags) => {
      await withRedis(flags, async (redis) => {
        await (queue === undefined ? showAll(redis, flags) : showOne(redis, queue, flags));
      });
    });
}

async function showOne(redis: RedisSession, queue: string, { json }: StatsFlags): Promise<void> {
  await checkQueueExists(redis, queue);
  const stats = await read(redis, queue);
  await advise(redis, queue);
  if (json) {
    printJson(stats);
    return;
  }
  print(states([stats]));
  const counters = Object.entries(stats.counters).filter(([, count]) => count > 0);
  if (counters.length > 0) print(`\n${tableOf(["so far", ""], counters)}`);
}

async function showAll(redis: RedisSession, { json }: StatsFlags): Promise<void> {
  const queues = [...(await readQueues(redis.connection, redis.prefix)).keys()].toSorted();
  const all: QueueStats[] = [];
  for (const queue of queues) {
    all.push(await read(redis, queue));
    await advise(redis, queue);
  }
  if (json) printJson(all);
  else if (all.length === 0) say(`no queues under the prefix ${redis.prefix}`);
  else print(states(all));
}

async function read(redis: RedisSession, queue: string): Promise<QueueStats> {
  return { queue, ...(await redis.queue(queue).stats()) };
}

/** Only where slots move. */
async function advise({ connection, prefix }: RedisSession, queue: string): Promise<void> {
  if (!connection.isCluster) return;
  const advice = shardAdvice(queue, await readShardSizes(connection, { prefix, queue }));
  if (advice !== undefined) say(advice);
}

function states(all: readonly QueueStats[]): string {
  const rows = all.map((stats) => [
    stats.queue,
    ...TASK_STATES.map((state) => stats[state]),
    stats.paused ? "paused" : "",
  ]);
  return tableOf(["queue", ...TASK_STATES, ""], rows);
}
