import type { Command } from "commander";
import { TASK_STATES } from "../../core/task.ts";
import { lookAtShards, type ShardLook } from "../../queue/shards.ts";
import { withTimes } from "../document.ts";
import { print, printJson } from "../output.ts";
import { checkQueueExists, withRedis, withRedisFlags, type RedisFlags } from "../redis-session.ts";
import { tableOf } from "../table.ts";
import { shownTime, withTimeZone } from "../time-zone.ts";

interface ShardFlags extends RedisFlags {
  readonly json?: true;
}

const HELP = `
The owner is the scheduler that serves the shard (\`delayq scheduler ls\`), the epoch grows each time it changes hands. The head is
the ready task that has waited longest: how long ago it was due.

Example:
  $ delayq shard ls emails`;

export function addShardCommand(root: Command): void {
  const shard = root
    .command("shard")
    .summary("look at the shards of a queue")
    .description("Looks at the shards of a queue.");
  withTimeZone(withRedisFlags(shard.command("ls")))
    .summary("list the shards of a queue")
    .description("Lists the shards of a queue: who serves them, their tasks by state, and what is due.")
    .argument("<queue>")
    .option("--json", "one JSON document: an array")
    .addHelpText("after", HELP)
    .action(list);
}

async function list(queue: string, { json, ...flags }: ShardFlags): Promise<void> {
  await withRedis(flags, async (redis) => {
    await checkQueueExists(redis, queue);
    const { connection, prefix } = redis;
    const shards = await lookAtShards(connection, { prefix, queue });
    if (json) printJson(shards.map(documentOf));
    else
      print(tableOf(["shard", "owner", "epoch", ...TASK_STATES, "next due", "head age"], shards.map(rowOf)));
  });
}

const headAgeOf = ({ nowMs, oldestDueMs }: ShardLook): number | undefined =>
  oldestDueMs === undefined ? undefined : Math.max(0, nowMs - oldestDueMs);

function documentOf(look: ShardLook): object {
  const { shard, owner, epoch, paused, delayed, ready, leased, dead, done, nextDueMs } = look;
  const states = { delayed, ready, leased, dead, done };
  const times = { nextDueAtMs: nextDueMs, headAgeMs: headAgeOf(look) };
  return withTimes({ shard, owner, epoch, paused, ...states, ...times });
}

function rowOf(shard: ShardLook): (string | number)[] {
  const { nextDueMs } = shard;
  const headAgeMs = headAgeOf(shard);
  return [
    shard.shard,
    shard.owner || "none",
    shard.epoch,
    ...TASK_STATES.map((state) => shard[state]),
    nextDueMs === undefined ? "" : shownTime(nextDueMs),
    headAgeMs === undefined ? "" : `${(headAgeMs / 1000).toFixed(1)} s`,
  ];
}
