import { isCancel, text } from "@clack/prompts";
import type { Command } from "commander";
import { CliError, EXIT, interrupted } from "./exit.ts";
import { printable, say } from "./output.ts";

/** What every command that destroys something is given. */
export interface DestructiveFlags {
  readonly yes?: true;
  readonly dryRun?: true;
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
 * @param deed what is about to be done, as "purge 12 dead tasks of emails"
 * @returns whether to go on: false for --dry-run
 * @throws CliError with exit code 5
 */
export async function confirmed(queue: string, deed: string, flags: DestructiveFlags): Promise<boolean> {
  if (flags.dryRun) {
    say(`would ${deed}; nothing was done (--dry-run)`);
    return false;
  }
  if (flags.yes) return true;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new CliError(
      EXIT.refused,
      `this would ${deed}; nothing was done. Give --yes to do it, --dry-run to look.`,
    );
  }
  const typed = await text({
    message: printable(`This will ${deed}. Type the name of the queue to go on:`),
    input: process.stdin,
    output: process.stderr,
    withGuide: false,
  });
  if (isCancel(typed)) throw interrupted("nothing was done");
  if (typed !== queue) {
    throw new CliError(EXIT.refused, `this is not the name of the queue, ${queue}; nothing was done`);
  }
  return true;
}
