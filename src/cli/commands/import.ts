import { InvalidArgumentError, Option, type Command } from "commander";
import { IdSeries } from "../../core/ids.ts";
import { checkKeyPart, checkTaskName } from "../../core/names.ts";
import { Restorer } from "../../queue/restorer.ts";
import { QueueStore } from "../../store/queue-store.ts";
import { durationArgument, factorArgument, integerArgument } from "../arguments.ts";
import { EXIT } from "../exit.ts";
import { BadLines } from "../import/bad-lines.ts";
import { importTasks } from "../import/import-run.ts";
import { LineSource } from "../import/line-source.ts";
import type { LineFormat, LineTime } from "../import/line-task.ts";
import { restoreExport } from "../import/restore-run.ts";
import { withRedis, withRedisFlags, type RedisFlags } from "../redis-session.ts";
import { withTimeZone } from "../time-zone.ts";

interface ImportFlags extends RedisFlags {
  readonly delayField?: string;
  readonly atField?: string;
  readonly nameField: string;
  readonly name?: string;
  readonly speed?: number;
  readonly startIn?: number;
  readonly shards?: number;
  readonly skipBad?: true;
  readonly fromLine: number;
  readonly run?: IdSeries;
  readonly restore?: true;
  readonly json?: true;
}

const HELP = `
Each line is one JSON object: { "name", "data", "id"?, "opts"? }, opts as in the library: delay, at, priority, attempts ...
The payload of a line without "data" is its other fields. Empty lines are passed over. A line that is wrong stops the
import, unless --skip-bad is given; all lines before it are imported then, and none after it.

An import that ends early says how to go on: --from-line with the line, and --run with the name of this run. Lines that
were added already are then not added again, whether they have ids or not, and offsets count from the same origin.

--restore takes what \`delayq export\` has written, into a queue that is empty or paused with nothing running, under the
same ids. Nothing runs before all is there. Tasks that were running come back as ready; ids that exist are left alone. The
queue stays paused if it was, here or there.

--delay-field and --at-field take the due time from a field of the line. Offsets count from one origin for the whole file:
the moment the import starts, by the clock of Redis, and --start-in later. With --speed 10 an hour takes six minutes.
Texts of time without an offset are local time of this machine, or of --tz.

Examples:
  $ delayq import emails tasks.ndjson
  $ delayq import replay recorded.ndjson --delay-field offsetMs --speed 10 --start-in 5s
  $ zcat tasks.ndjson.gz | delayq import emails -
  $ delayq import emails tasks.ndjson --from-line 48001 --run 2vGfJ8-x3LpQ0aTnR
  $ delayq import emails emails-backup.ndjson --restore`;

export function addImportCommand(root: Command): void {
  withTimeZone(withRedisFlags(root.command("import")))
    .summary("add tasks from a file, or bring an export back")
    .description("Adds tasks from a file of any size, one JSON object a line.")
    .argument("<queue>")
    .argument("<file>", "newline-delimited JSON; - reads stdin")
    .addOption(
      new Option("--delay-field <field>", "the field that holds ms from the origin").conflicts("atField"),
    )
    .option("--at-field <field>", "the field that holds the due time: epoch ms or ISO 8601")
    .option("--name-field <field>", "the field that holds the task's name", "name")
    .option("--name <name>", "the name of lines without one")
    .option("--speed <factor>", "with --delay-field: so many times faster", factorArgument)
    .option(
      "--start-in <duration>",
      "with --delay-field: the origin, counted from the start of the import",
      durationArgument,
    )
    .option("--shards <n>", "into how many shards a new queue is cut", integerArgument(1, 1024))
    .option("--skip-bad", "pass over lines that are wrong, and say which")
    .option("--from-line <n>", "begin at this line", integerArgument(1), 1)
    .option("--run <name>", "go on with an import that ended early", runArgument)
    .addOption(
      new Option("--restore", "bring an export back").conflicts([
        "delayField",
        "atField",
        "nameField",
        "name",
        "fromLine",
        "run",
      ]),
    )
    .option("--json", "print the summary as JSON")
    .addHelpText("after", HELP)
    .action(run);
}

function runArgument(text: string): IdSeries {
  const series = IdSeries.parse(text);
  if (series !== undefined) return series;
  throw new InvalidArgumentError("Expected the name that an import gave when it ended early.");
}

async function run(queueName: string, file: string, flags: ImportFlags, command: Command): Promise<void> {
  checkKeyPart("queue name", queueName);
  if (flags.name !== undefined) checkTaskName(flags.name);
  if (flags.delayField === undefined && (flags.speed !== undefined || flags.startIn !== undefined)) {
    command.error("error: --speed and --start-in need --delay-field", { exitCode: EXIT.usage });
  }
  // Opened before Redis is asked for anything.
  const source = await LineSource.open(file);
  const badLines = new BadLines(flags.skipBad === true);
  const isJson = flags.json === true;
  try {
    await withRedis(flags, async (redis) => {
      const { shards, fromLine } = flags;
      const queue = redis.queue(queueName, shards === undefined ? {} : { shards });
      if (flags.restore) {
        const store = new QueueStore(redis.connection, { prefix: redis.prefix, queue: queueName });
        await restoreExport(new Restorer(queue, store, shards), { source, badLines, isJson });
      } else {
        const series = flags.run ?? IdSeries.begin(redis.nowMs);
        const format = formatOf(flags, series.beganMs);
        await importTasks(queue, { source, format, badLines, fromLine, series, isJson });
      }
    });
  } finally {
    source.close();
  }
}

function formatOf(
  { nameField, name, delayField, atField, speed = 1, startIn = 0 }: ImportFlags,
  beganMs: number,
): LineFormat {
  let time: LineTime = { kind: "own" };
  if (delayField !== undefined)
    time = { kind: "offset", field: delayField, originMs: beganMs + startIn, speed };
  else if (atField !== undefined) time = { kind: "instant", field: atField };
  return { nameField, name, time };
}
