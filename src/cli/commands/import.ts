import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { Option, type Command } from "commander";
import { BulkIncompleteError, DelayqError } from "../../core/errors.ts";
import { checkKeyPart, checkTaskName } from "../../core/names.ts";
import { PAYLOAD_MAX_BYTES } from "../../core/options.ts";
import { onStopSignal } from "../../runtime/signals.ts";
import { durationArgument, factorArgument, integerArgument } from "../arguments.ts";
import { CliError, EXIT, exitCodeOf, interrupted } from "../exit.ts";
import { Importer } from "../import/importer.ts";
import { LineSplitter, type Line } from "../import/line-splitter.ts";
import { taskOf, type LineFormat, type LineTime } from "../import/line-task.ts";
import { grouped, print, printJson } from "../output.ts";
import { Progress } from "../progress.ts";
import { withRedis, withRedisFlags, type RedisFlags } from "../redis-session.ts";

interface ImportFlags extends RedisFlags {
  readonly delayField?: string;
  readonly atField?: string;
  readonly nameField: string;
  readonly name?: string;
  readonly speed?: number;
  readonly startIn?: number;
  readonly shards?: number;
  readonly json?: true;
}

const CHUNK_BYTES = 262_144;
/** Room for a payload of the largest size whose characters are written as \uXXXX, and for what stands around it. */
const LINE_MAX_BYTES = 3 * PAYLOAD_MAX_BYTES + 65_536;

const HELP = `
Each line is one JSON object: { "name", "data", "id"?, "opts"? }, opts as in the library: delay, at, priority, attempts ...
The payload of a line without "data" is its other fields. Empty lines are passed over. A line that is wrong stops the
import; all lines before it are imported then, and none after it.

--delay-field and --at-field take the due time from a field of the line. Offsets count from one origin for the whole file:
the moment the import starts, by the clock of Redis, and --start-in later. With --speed 10 an hour takes six minutes.
Texts of time without an offset are local time of this machine.

Examples:
  $ delayq import emails tasks.ndjson
  $ delayq import replay recorded.ndjson --delay-field offsetMs --speed 10 --start-in 5s
  $ zcat tasks.ndjson.gz | delayq import emails -`;

export function addImportCommand(root: Command): void {
  withRedisFlags(root.command("import"))
    .summary("add tasks from a file")
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
    .option("--json", "print the summary as JSON")
    .addHelpText("after", HELP)
    .action(run);
}

async function run(queueName: string, file: string, flags: ImportFlags, command: Command): Promise<void> {
  checkKeyPart("queue name", queueName);
  if (flags.name !== undefined) checkTaskName(flags.name);
  if (flags.delayField === undefined && (flags.speed !== undefined || flags.startIn !== undefined)) {
    command.error("error: --speed and --start-in need --delay-field", { exitCode: EXIT.usage });
  }
  const input = await openInput(file);
  const interrupt = new AbortController();
  const stopListening = onStopSignal((signal) => {
    interrupt.abort(signal);
    input.destroy();
  });
  try {
    await withRedis(flags, async ({ queue, nowMs }) => {
      const importer = new Importer(
        queue(queueName, flags.shards === undefined ? {} : { shards: flags.shards }),
      );
      const format = formatOf(flags, nowMs);
      await runTo(importer, flags, async () => await importAll(input, format, importer, interrupt.signal));
    });
  } finally {
    stopListening();
    input.destroy();
  }
}

function formatOf(
  { nameField, name, delayField, atField, speed = 1, startIn = 0 }: ImportFlags,
  nowMs: number,
): LineFormat {
  let time: LineTime = { kind: "own" };
  if (delayField !== undefined)
    time = { kind: "offset", field: delayField, originMs: nowMs + startIn, speed };
  else if (atField !== undefined) time = { kind: "instant", field: atField };
  return { nameField, name, time };
}

/** Opens before Redis is asked for anything. @throws CliError */
async function openInput(file: string): Promise<Readable> {
  if (file === "-") return process.stdin;
  try {
    const handle = await open(file);
    if ((await handle.stat()).isDirectory()) {
      await handle.close();
      throw new CliError(EXIT.failed, `${file} is a folder`);
    }
    return createReadStream(file, { fd: handle, highWaterMark: CHUNK_BYTES });
  } catch (error) {
    if (error instanceof CliError) throw error;
    const reason =
      error instanceof Error && "code" in error && error.code === "ENOENT"
        ? "it does not exist"
        : String(error);
    throw new CliError(EXIT.failed, `${file} cannot be read: ${reason}`, { cause: error });
  }
}

/** What stands before a wrong line is imported whole; nothing of what stands behind it. */
async function importAll(
  input: Readable,
  format: LineFormat,
  importer: Importer,
  signal: AbortSignal,
): Promise<void> {
  const splitter = new LineSplitter(LINE_MAX_BYTES);
  const progress = new Progress({ doing: "importing", done: () => importer.added + importer.existed });
  const take = async (lines: Iterable<Line>): Promise<void> => {
    for (const line of lines) {
      if (line.text.trim() === "") continue;
      importer.push(taskOf(line, format), line.bytes);
      if (importer.isBatchFull) await importer.flush();
      if (signal.aborted) return;
    }
  };
  try {
    for await (const chunk of input as AsyncIterable<Buffer>) {
      await take(splitter.push(chunk));
      if (signal.aborted) break;
    }
    if (!signal.aborted) await take(splitter.end());
  } catch (error) {
    if (!signal.aborted) throw error; // else the input was destroyed while it was read
  } finally {
    await importer.finish().finally(() => progress.stop());
  }
  if (signal.aborted) throw interrupted("", signal.reason as NodeJS.Signals);
}

/** Says how far the import came, however it ends. */
async function runTo(importer: Importer, { json }: ImportFlags, work: () => Promise<void>): Promise<void> {
  const startMs = performance.now();
  let failure: unknown;
  try {
    await work();
  } catch (error) {
    failure = error;
  }
  const { added, existed, unknown } = importer;
  const ms = Math.max(1, Math.round(performance.now() - startMs));
  const perSecond = Math.round(((added + existed) * 1000) / ms);
  if (json) printJson({ imported: added, existed, unknown, ms, perSecond });
  const sums = [
    `imported ${counted(added)}`,
    ...(existed > 0 ? [`${grouped(existed)} existed already`] : []),
    ...(unknown > 0 ? [`of ${grouped(unknown)} it is not known`] : []),
  ].join("; ");
  if (failure === undefined) {
    if (!json) print(`${sums} in ${(ms / 1000).toFixed(1)} s (${grouped(perSecond)}/s)`);
    return;
  }
  if (!(failure instanceof CliError) && !(failure instanceof DelayqError)) throw failure;
  const cause = failure instanceof BulkIncompleteError ? failure.cause : failure;
  const message = cause instanceof Error ? cause.message : failure.message;
  throw new CliError(exitCodeOf(cause), `${message.replace(/\.$/, "")}; ${sums}`, { cause: failure });
}

const counted = (tasks: number): string => `${grouped(tasks)} ${tasks === 1 ? "task" : "tasks"}`;
