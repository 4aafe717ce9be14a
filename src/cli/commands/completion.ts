import completions from "@bomb.sh/tab";
import tab from "@bomb.sh/tab/commander";
import type { Command } from "commander";
import { pino } from "pino";
import { connectionTo } from "../../store/connection-place.ts";
import { Connection } from "../../store/connection.ts";
import { readQueues, within } from "../../store/queue-store.ts";
import { print, printJson } from "../output.ts";
import { readSettings, type SettingsFlags } from "../settings.ts";

/**
 * `delayq completion SHELL` prints a script; what that asks for at each TAB is answered by the hidden `delayq complete`. Both come
 * from the library, which reads the tree of commands. Names of queues are ours.
 */
const HELP = `
Examples:
  $ source <(delayq completion bash)                                         # in ~/.bashrc
  $ source <(delayq completion zsh)                                          # in ~/.zshrc
  $ delayq completion fish > ~/.config/fish/completions/delayq.fish`;

/** The library's script for bash needs this of the package bash-completion, which not every machine has. */
const BASH_WITHOUT_PACKAGE = `\
if ! declare -F _get_comp_words_by_ref >/dev/null; then
  _get_comp_words_by_ref() {
    cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} words=("\${COMP_WORDS[@]}") cword=$COMP_CWORD
  }
fi`;

/** Nobody waits longer for a TAB. */
const NAMES_MS = 300;
/** The hidden command that the shells ask. */
export const COMPLETES = "complete";
/** A shell may obey other characters when the line is entered. */
const HARMLESS = /^[\w.@%+,/-]+$/;
const PLACE_FLAGS = ["url", "sentinel", "master", "cluster", "prefix", "context"] as const;

/** To be called when all other commands are there. */
export function addCompletionCommand(root: Command): void {
  tab(root, { completionCommandName: "completion" });
  root.commands
    .find((command) => command.name() === "completion")
    ?.summary("complete commands, options and queues with TAB")
    .description("Prints a script that teaches a shell to complete delayq's commands, options and queues.")
    .option("--json", "print { shell, script } as JSON")
    .action((shell: string, { json }: { json?: true }) => {
      const script = scriptFor(shell, root.name());
      if (json) printJson({ shell, script });
      else print(script);
    })
    .addHelpText("after", HELP);
}

function scriptFor(shell: string, name: string): string {
  const parts = shell === "bash" ? [BASH_WITHOUT_PACKAGE] : [];
  /* oxlint-disable no-console -- the library can only print it */
  const { log } = console;
  console.log = (text: string) => void parts.push(text);
  try {
    completions.setup(name, name, shell);
  } finally {
    console.log = log;
  }
  /* oxlint-enable no-console */
  return parts.join("\n");
}

/**
 * Before a TAB is answered: the library takes only what is there at once.
 *
 * @param words of the line that is completed
 */
export async function offerQueues(words: readonly string[]): Promise<void> {
  const queues = await queueNames(words);
  const offer = (complete: (value: string, description: string) => void): void => {
    for (const queue of queues) complete(queue, "queue");
  };
  for (const command of completions.commands.values()) {
    const argument = command.arguments.get("queue");
    if (argument !== undefined) argument.handler = offer;
    const option = command.options.get("queue");
    if (option !== undefined) option.handler = offer;
  }
}

/** None where Redis does not answer at once: completion must never be in the way. */
async function queueNames(words: readonly string[]): Promise<string[]> {
  if (words.at(-1)?.startsWith("-") === true) return [];
  let connection: Connection | undefined;
  try {
    const { place, prefix } = readSettings(placeFlags(words));
    connection = Connection.acquire(connectionTo(place), pino({ level: "silent" }));
    const queues = await readQueues(connection, prefix, within(NAMES_MS));
    return [...queues.keys()].filter((queue) => HARMLESS.test(queue)).toSorted();
  } catch {
    return [];
  } finally {
    connection?.release();
  }
}

/** Those that stand before the word that is completed. */
function placeFlags(words: readonly string[]): SettingsFlags {
  const given = PLACE_FLAGS.flatMap((name) => {
    const at = words.indexOf(`--${name}`);
    const value = at === -1 ? undefined : words[at + 1];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(given);
}
