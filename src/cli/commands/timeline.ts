import { Option, type Command } from "commander";
import { BUCKET_UNITS, bucketBounds, type BucketUnit } from "../../core/buckets.ts";
import { readTimeline, type Timeline } from "../../queue/timeline.ts";
import { durationArgument } from "../arguments.ts";
import { barOf } from "../bar.ts";
import { withTimes } from "../document.ts";
import { CliError, EXIT } from "../exit.ts";
import { print, printJson } from "../output.ts";
import { checkQueueExists, withRedis, withRedisFlags, type RedisFlags } from "../redis-session.ts";
import { tableOf } from "../table.ts";
import { withTimeZone } from "../time-zone.ts";

interface TimelineFlags extends RedisFlags {
  readonly by: BucketUnit;
  readonly for?: number;
  readonly json?: true;
}

const HOUR_MS = 3_600_000;
const FOR_MS: Readonly<Record<BucketUnit, number>> = {
  minute: HOUR_MS,
  hour: 24 * HOUR_MS,
  day: 14 * 24 * HOUR_MS,
};
const BUCKETS_MAX = 1500;
const BAR_CHARS = 40;
/** So many empty buckets in a row are one line. */
const EMPTY_RUN = 3;

const HELP = `
Tasks are counted, never listed, so this is as quick with ten million tasks as with ten. Days and hours are those of this
machine's time zone, or of --tz. What is due already and waits for a worker is shown apart, as overdue.

--json prints { queue, by, readAt, readAtMs, overdue, buckets, later }, a bucket being { startAt, startAtMs, endAt, endAtMs, tasks }.

Examples:
  $ delayq timeline emails
  $ delayq timeline emails --by minute --for 2h
  $ delayq timeline emails --by day --for 30d --json | jq '.buckets[0].tasks'`;

export function addTimelineCommand(root: Command): void {
  withTimeZone(withRedisFlags(root.command("timeline")))
    .summary("what falls due ahead")
    .description("Shows how many tasks of a queue fall due in each minute, hour or day ahead.")
    .argument("<queue>")
    .addOption(new Option("--by <unit>", "how wide each step is").choices(BUCKET_UNITS).default("hour"))
    .option(
      "--for <duration>",
      "how far ahead (default: 1h by minute, 24h by hour, 14d by day)",
      durationArgument,
    )
    .option("--json", "one JSON document")
    .addHelpText("after", HELP)
    .action(show);
}

async function show(
  queue: string,
  { by, for: forMs = FOR_MS[by], json, ...flags }: TimelineFlags,
): Promise<void> {
  await withRedis(flags, async (redis) => {
    await checkQueueExists(redis, queue);
    const bounds = bucketBounds(by, redis.nowMs, redis.nowMs + forMs, BUCKETS_MAX + 2);
    if (bounds.length > BUCKETS_MAX + 1) {
      throw new CliError(
        EXIT.usage,
        `that is more than ${BUCKETS_MAX} steps; give a shorter --for, or a wider --by`,
      );
    }
    const timeline = await readTimeline(redis.connection, { prefix: redis.prefix, queue }, bounds);
    if (json) printJson(documentOf(queue, by, bounds, timeline));
    else print(chartOf(bounds, timeline));
  });
}

function documentOf(
  queue: string,
  by: BucketUnit,
  bounds: readonly number[],
  { nowMs, overdue, tasks, later }: Timeline,
): object {
  const buckets = tasks.map((count, i) =>
    withTimes({ startAtMs: bounds[i] ?? 0, endAtMs: bounds[i + 1] ?? 0, tasks: count }),
  );
  return { ...withTimes({ queue, by, readAtMs: nowMs }), overdue, buckets, later };
}

function chartOf(bounds: readonly number[], { overdue, tasks, later }: Timeline): string {
  // As a loop: there may be more buckets than a function takes arguments.
  const most = tasks.reduce((max, count) => Math.max(max, count), 1);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const rows: (string | number)[][] = [["overdue", overdue, ""]];
  for (let i = 0; i < tasks.length; i++) {
    const run = emptyRun(tasks, i);
    if (run >= EMPTY_RUN) {
      rows.push([`${localTime(bounds[i] ?? 0)} ...`, 0, ""]);
      i += run - 1;
    } else {
      const count = tasks[i] ?? 0;
      rows.push([localTime(bounds[i] ?? 0), count, barOf(count / most, BAR_CHARS)]);
    }
  }
  rows.push(["later", later, ""]);
  return tableOf([`due from (${zone})`, "tasks", ""], rows);
}

function emptyRun(tasks: readonly number[], from: number): number {
  const next = tasks.findIndex((count, i) => i >= from && count > 0);
  return (next === -1 ? tasks.length : next) - from;
}

const two = (n: number): string => String(n).padStart(2, "0");

function localTime(ms: number): string {
  const date = new Date(ms);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
