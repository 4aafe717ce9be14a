import { Option, type Command } from "commander";
import { checkKeyPart, checkTaskName } from "../../core/names.ts";
import { KEPT_DEFAULTS, parseAddOptions, type AddOptions } from "../../core/options.ts";
import type { AddedTask } from "../../core/task.ts";
import { backoffArgument, durationArgument, integerArgument } from "../arguments.ts";
import { withTimes } from "../document.ts";
import { timeArgument, type GivenTime } from "../given-time.ts";
import { readPayload } from "../payload-argument.ts";
import { print, printJson, printable } from "../output.ts";
import { withRedis, withRedisFlags, type RedisFlags } from "../redis-session.ts";
import { shownTime, withTimeZone } from "../time-zone.ts";

interface AddFlags extends RedisFlags {
  readonly in?: number;
  readonly at?: GivenTime;
  readonly id?: string;
  readonly priority?: number;
  readonly attempts?: number;
  readonly backoff?: NonNullable<AddOptions["backoff"]>;
  readonly timeoutMs?: number;
  readonly expire?: number;
  readonly shards?: number;
  readonly json?: true;
}

const HELP = `
DATA is JSON, so a text needs its quotes: '"hello"'.
DURATION is 500ms, 90s, 15m, 1h30m, 2d; a plain number is milliseconds.
TIME is "in 15m", ISO 8601, such as 2027-01-01T09:00+08:00, or epoch milliseconds. Without an offset it is local time of
--tz, or of this machine. Whether a task is due is decided by the clock of Redis.

Examples:
  $ delayq add emails welcome '{"userId":7}' --in 15m
  $ delayq add emails digest --at 2027-01-01T09:00+08:00 --attempts 3 --backoff exponential:1s
  $ delayq add pushes score '{"home":2}' --expire 30s
  $ jq -c .order order.json | delayq add orders expire - --in 30m --id order-7`;

/** Under `task`, and under the root as its short name. */
export function addAddCommand(parent: Command): void {
  withTimeZone(withRedisFlags(parent.command("add")))
    .summary("add a task")
    .description("Adds a task to a queue. It is due now, unless --in or --at says otherwise.")
    .argument("<queue>")
    .argument("<name>", "the task's name, by which its handler is found")
    .argument("[data]", "the payload as JSON; - reads it from stdin", "null")
    .addOption(
      new Option("--in <duration>", "run it so long from now").argParser(durationArgument).conflicts("at"),
    )
    .addOption(new Option("--at <time>", "run it at this time").argParser(timeArgument))
    .option("--id <id>", "its id; if a task with it exists, nothing is added")
    .option("--priority <0-9>", "among due tasks the higher goes first", integerArgument(0, 9))
    .option("--attempts <n>", "how often it is started at most", integerArgument(1))
    .option(
      "--backoff <kind:delay>",
      "the wait after a failed attempt: fixed:1s, exponential:1s",
      backoffArgument,
    )
    .option("--timeout-ms <ms>", "how long its handler may take", integerArgument(0))
    .option(
      "--expire <duration>",
      "do not run it if no worker takes it so long after it is due",
      durationArgument,
    )
    .option("--shards <n>", "into how many shards a new queue is cut", integerArgument(1, 1024))
    .option("--json", "print the task as JSON")
    .addHelpText("after", HELP)
    .action(add);
}

async function add(queueName: string, name: string, dataText: string, flags: AddFlags): Promise<void> {
  checkKeyPart("queue name", queueName);
  checkTaskName(name);
  const options = optionsOf(flags);
  parseAddOptions(options, KEPT_DEFAULTS);
  const data = await readPayload(dataText);
  const added = await withRedis(flags, async (redis) => {
    const queue = redis.queue(queueName, flags.shards === undefined ? {} : { shards: flags.shards });
    return await queue.add(name, data, options);
  });
  if (flags.json) printJson(withTimes(added));
  else print(described(added));
}

function optionsOf(flags: AddFlags): AddOptions {
  const { id, priority, attempts, backoff, timeoutMs, expire: expireMs } = flags;
  const due = flags.at?.due() ?? { delay: flags.in };
  const given = { ...due, id, priority, attempts, backoff, timeoutMs, expireMs };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function described({ id, name, state, dueAtMs, existed }: AddedTask): string {
  const due = shownTime(dueAtMs);
  return printable(
    existed ? `${id} ${name} existed already: ${state}, due ${due}` : `${id} ${name} due ${due}`,
  );
}
