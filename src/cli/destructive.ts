import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { CliError, EXIT, interrupted } from "./exit.ts";
import { print, printJson, printable } from "./output.ts";

/** What every command that destroys something is given. */
export interface DestructiveFlags {
  readonly yes?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

/** What is about to be done, as "purge 12 dead tasks of emails", and to how many tasks. */
export interface Deed {
  readonly text: string;
  readonly count: number;
}

export function withDestructiveFlags(command: Command): Command {
  return command
    .option("--dry-run", "only say what would be done")
    .option("--yes", "do not ask; needed where there is no terminal to ask at");
}

/**
 * Asks before something is destroyed, when it is known how much. On a terminal the queue's name is to be typed, so that
 * nobody destroys the wrong queue; elsewhere nothing is done without --yes.
 *
 * @returns whether to go on: false for --dry-run
 * @throws CliError with exit code 5
 */
export async function confirmed(queue: string, deed: Deed, flags: DestructiveFlags): Promise<boolean> {
  if (flags.dryRun) {
    tellDryRun(deed, flags);
    return false;
  }
  if (flags.yes) return true;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new CliError(
      EXIT.refused,
      `this would ${deed.text}; nothing was done. Give --yes to do it, --dry-run to look.`,
    );
  }
  const typed = await ask(printable(`This will ${deed.text}. Type the name of the queue to go on: `));
  if (typed === undefined) throw interrupted("nothing was done");
  if (typed !== queue) {
    throw new CliError(EXIT.refused, `this is not the name of the queue, ${queue}; nothing was done`);
  }
  return true;
}

export function tellDryRun({ text, count }: Deed, { json }: DestructiveFlags): void {
  if (json) printJson({ dryRun: true, count });
  else print(printable(`would ${text}; nothing was done (--dry-run)`));
}

/** What is typed on the terminal; undefined for Ctrl-C and Ctrl-D. */
async function ask(question: string): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const stop = new AbortController();
  lines.on("SIGINT", () => stop.abort()).on("close", () => stop.abort());
  try {
    return (await lines.question(question, { signal: stop.signal })).trim();
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.stderr.write("\n");
    return undefined;
  } finally {
    lines.close();
  }
}
