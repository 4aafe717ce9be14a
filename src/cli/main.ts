import { Command, CommanderError } from "commander";
import { DelayqError } from "../core/errors.ts";
import { version } from "../core/version.ts";
import { addAddCommand } from "./commands/add.ts";
import { COMPLETES, addCompletionCommand, offerQueues } from "./commands/completion.ts";
import { addDeadCommand } from "./commands/dead.ts";
import { addDevCommand } from "./commands/dev.ts";
import { addExporterCommand } from "./commands/exporter.ts";
import { addExportCommand } from "./commands/export.ts";
import { addImportCommand } from "./commands/import.ts";
import { addSchedulerCommand } from "./commands/scheduler.ts";
import { addQueueCommands } from "./commands/queue.ts";
import { addShardCommand } from "./commands/shard.ts";
import { addTaskCommands } from "./commands/task.ts";
import { addDoctorCommand } from "./commands/doctor.ts";
import { addStatsCommand } from "./commands/stats.ts";
import { addTimelineCommand } from "./commands/timeline.ts";
import { addTopCommand } from "./commands/top.ts";
import { addWorkerCommand } from "./commands/worker.ts";
import { CliError, EXIT, exitCodeOf } from "./exit.ts";
import { useTimeZone } from "./time-zone.ts";
import { printable, printableLines, quietBrokenPipes, say, withoutSecrets } from "./output.ts";

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 unhealthy, or Redis cannot be used, 4 not found, 5 refused for lack of --yes,
130 interrupted.`;

/** Runs one command. Resolves to its exit code; never rejects. */
export async function main(argv: readonly string[]): Promise<number> {
  quietBrokenPipes();
  endOnInterrupt();
  dropEmptyVariables();
  try {
    const root = program();
    if (argv[2] === COMPLETES) await offerQueues(argv.slice(3));
    await root.parseAsync(argv);
    return EXIT.ok;
  } catch (error) {
    return report(error);
  }
}

/** The whole command line; docs/cli.md is made from it. */
export function program(): Command {
  const root = new Command("delayq")
    .description("Runs work later, on time, at large volume, on Redis.")
    .version(version())
    .addHelpText("after", EXIT_CODES)
    .showHelpAfterError("(--help shows how it is used)")
    .exitOverride()
    .hook("preAction", (_, command) => useTimeZone(command.opts()))
    .configureOutput({
      // Commander repeats what it was given.
      outputError: (message, write) => {
        write(withoutSecrets(printableLines(withoutValue(message).replace(/^error: /, "delayq: "))));
      },
    });
  // Commands that are made from here inherit these settings.
  addWorkerCommand(root);
  addSchedulerCommand(root);
  addExporterCommand(root);
  addAddCommand(root);
  addTaskCommands(root);
  addQueueCommands(root);
  addShardCommand(root);
  addImportCommand(root);
  addExportCommand(root);
  addStatsCommand(root);
  addTimelineCommand(root);
  addTopCommand(root);
  addDeadCommand(root);
  addDoctorCommand(root);
  addDevCommand(root);
  addCompletionCommand(root); // the last: it reads the others
  return root;
}

/** An empty one counts as one that is not there, which commander does not know. */
function dropEmptyVariables(): void {
  for (const [name, value] of Object.entries(process.env))
    if (name.startsWith("DELAYQ_") && value === "") delete process.env[name];
}

/** Of commands that have nothing to finish; others listen themselves. */
function endOnInterrupt(): void {
  process.on("SIGINT", () => {
    if (process.listenerCount("SIGINT") === 1) process.exit(EXIT.interrupted);
  });
}

/** Of an option that there is not: whatever it was given, as in --password=..., may be a secret. */
const withoutValue = (message: string): string =>
  message.replace(/(unknown option '(?:--[^=']*|-[^-]))[^]*?'(?=\n|$)/, "$1'");

/** Commander has written its own messages; of an error that nobody foresaw the stack is what helps. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof CliError || error instanceof DelayqError) {
    if (error.message !== "") say(error.message);
  } else {
    say(
      `this should not happen: ${error instanceof Error ? (error.stack ?? error.message) : printable(String(error))}`,
    );
  }
  return exitCodeOf(error);
}
