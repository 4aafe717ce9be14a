import { setTimeout as sleep } from "node:timers/promises";
import { Option, type Command } from "commander";
import { DelayqError } from "../../core/errors.ts";
import { TASK_STATES } from "../../core/task.ts";
import { shortDuration } from "../../core/wording.ts";
import { PulseReader, type Pulse } from "../../queue/pulse.ts";
import { readQueues } from "../../store/queue-store.ts";
import { durationArgument, integerArgument } from "../arguments.ts";
import { withTimes } from "../document.ts";
import { CliError, EXIT } from "../exit.ts";
import { interruptible } from "../interruptible.ts";
import { drained, print, printJson, printable, say } from "../output.ts";
import {
  checkQueueExists,
  withRedis,
  withRedisFlags,
  type RedisFlags,
  type RedisSession,
} from "../redis-session.ts";
import { frameOf, rateText, SORT_COLUMNS, sorted, type SortColumn } from "../top/frame.ts";
import { Screen, type Key } from "../top/screen.ts";
import { untilAborted } from "../until-aborted.ts";

interface TopFlags extends RedisFlags {
  readonly interval: number;
  readonly count?: number;
  readonly json?: true;
}

const INTERVAL_MIN_MS = 100;
const FIRST_MS = 500;
const SLOW_MS = 2000;

const HELP = `
Rates are of the last interval; lag is for how long the oldest task that is due has been waiting. On a terminal the arrow
keys switch the queue whose shards are shown, s sorts, q or Ctrl-C leaves. Elsewhere, or with --count or --json, it prints a
line for each queue and interval.

--json prints queue, readAt, readAtMs, delayed, ready, leased, dead, done, paused, rates (added, completed and failed a second),
lagMs, workers, concurrency (of them all), schedulers and shards (how many).

Examples:
  $ delayq top
  $ delayq top emails --interval 10s
  $ delayq top emails --json --count 1 | jq .rates.completed`;

export function addTopCommand(root: Command): void {
  withRedisFlags(root.command("top"))
    .summary("rates, lag, states and workers, live")
    .description(
      "Shows how fast tasks of a queue, or of all queues, are added, completed and failing, and whether they wait.",
    )
    .argument("[queue]", "all queues if left out")
    .addOption(
      new Option("--interval <duration>", "how often to look")
        .argParser(durationArgument)
        .default(2000, "2s"),
    )
    .option("--count <n>", "end after so many looks", integerArgument(1))
    .option("--json", "one JSON object a line, for each queue and interval")
    .addHelpText("after", HELP)
    .action(run);
}

async function run(queue: string | undefined, flags: TopFlags, command: Command): Promise<void> {
  if (flags.interval < INTERVAL_MIN_MS) {
    command.error(`error: expected --interval to be at least ${INTERVAL_MIN_MS}ms`, { exitCode: EXIT.usage });
  }
  const isLive =
    flags.json === undefined && flags.count === undefined && process.stdin.isTTY && process.stdout.isTTY;
  await withRedis(flags, async (redis) => {
    if (queue !== undefined) await checkQueueExists(redis, queue);
    const look = looker(redis, queue);
    await interruptible(async (signal) => {
      await (isLive ? show(redis, look, flags, signal) : tell(look, flags, signal));
    });
  });
}

type Look = () => Promise<Pulse[]>;

function looker({ connection, prefix }: RedisSession, queue: string | undefined): Look {
  const reader = new PulseReader(connection, prefix);
  return async () =>
    await reader.read(queue === undefined ? [...(await readQueues(connection, prefix)).keys()] : [queue]);
}

/** Waits, and ends the wait early when the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {}); // only an abort rejects
}

/** Redis may be away for a while: that is when people look. */
async function patient(look: Look): Promise<Pulse[] | string> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof DelayqError) return error.message;
    throw error;
  }
}

async function tell(look: Look, { interval, count, json }: TopFlags, signal: AbortSignal): Promise<void> {
  await untilAborted(patient(look), signal); // the first reading has no rates
  for (let told = 0; !signal.aborted && told < (count ?? Number.POSITIVE_INFINITY); told++) {
    await pause(told === 0 ? Math.min(FIRST_MS, interval) : interval, signal);
    const pulses = await untilAborted(patient(look), signal);
    if (signal.aborted || pulses === undefined) return;
    if (typeof pulses === "string") say(pulses);
    else for (const pulse of sorted(pulses, "queue")) (json ? printPulse : printLine)(pulse);
    await drained();
  }
}

/** A line for each queue: `shard ls` tells of shards. */
function printPulse(pulse: Pulse): void {
  printJson(withTimes({ ...pulse, shards: pulse.shards.length }));
}

function printLine({ queue, readAtMs, rates, lagMs, paused, workers, schedulers, ...counts }: Pulse): void {
  const states = TASK_STATES.map((state) => `${state}=${counts[state]}`).join(" ");
  print(
    `${new Date(readAtMs).toISOString()} ${printable(queue)} added=${rateText(rates?.added)}/s ` +
      `completed=${rateText(rates?.completed)}/s failed=${rateText(rates?.failed)}/s lag=${shortDuration(lagMs)} ` +
      `${states} workers=${workers} schedulers=${schedulers}${paused ? " paused" : ""}`,
  );
}

async function show(
  { prefix }: RedisSession,
  look: Look,
  { interval }: TopFlags,
  stop: AbortSignal,
): Promise<void> {
  let pulses: readonly Pulse[] = [];
  let selected: string | undefined;
  let sort: SortColumn = "queue";
  let trouble: string | undefined;
  const left = new AbortController();
  const ends = AbortSignal.any([stop, left.signal]);

  const onKey = ({ name, ctrl }: Key): void => {
    if (ctrl && name === "c") left.abort("interrupted");
    else if (name === "q" || name === "escape") left.abort("left");
    else if (name === "s") sort = next(SORT_COLUMNS, sort, 1);
    else if (name === "down" || name === "j" || name === "tab") selected = step(1);
    else if (name === "up" || name === "k") selected = step(-1);
    screen.redraw();
  };
  const step = (by: number): string | undefined => {
    const queues = sorted(pulses, sort).map(({ queue }) => queue);
    return next(queues, selected ?? queues[0], by);
  };
  const view = (columns: number, rows: number): string[] => {
    selected ??= sorted(pulses, sort)[0]?.queue;
    const place = `prefix ${prefix}`;
    return frameOf({ place, intervalMs: interval, pulses, selected, sort, trouble }, columns, rows);
  };
  const screen = new Screen(view, onKey);
  screen.open();
  try {
    for (let looks = 0; !ends.aborted; looks++) {
      const slow = setTimeout(() => {
        trouble = "Redis does not answer; these figures are old";
        screen.redraw();
      }, SLOW_MS);
      const seen = await untilAborted(patient(look), ends);
      clearTimeout(slow);
      if (seen === undefined) break;
      if (typeof seen === "string") trouble = seen;
      else [pulses, trouble] = [seen, undefined];
      screen.redraw();
      await pause(looks === 0 ? Math.min(FIRST_MS, interval) : interval, ends);
    }
  } finally {
    screen.close();
  }
  if (left.signal.reason === "interrupted") throw new CliError(EXIT.interrupted);
}

/** The one after (or before) another, round and round. */
function next<T>(all: readonly T[], current: T | undefined, by: number): T {
  const at = all.indexOf(current as T);
  return all[(at + by + all.length) % all.length] ?? (current as T);
}
