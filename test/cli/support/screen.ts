import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { eventually } from "../../support/fixture.ts";

const bin = join(new URL("../../../", import.meta.url).pathname, "bin/delayq.js");

/** Whether a pseudo-terminal can be had: by `script` of util-linux, whose options BSD's does not have. */
export const hasTerminal = spawnSync("script", ["--version"], { encoding: "utf8" }).stdout?.includes(
  "util-linux",
);

export interface TerminalRun {
  /** All that came to the terminal, as it came. */
  readonly seen: () => string;
  /** Waits until that matches, from where the last match ended. */
  readonly until: (pattern: RegExp) => Promise<string>;
  readonly type: (keys: string) => void;
  readonly ended: Promise<unknown>;
}

const quoted = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;

/**
 * Runs a command on a pseudo-terminal of 140 columns and 30 rows. Its settings are printed before it as `before=...` and after
 * it as `after=...`, its exit code as `code=...`.
 */
export function startInTerminal(args: readonly string[], env: NodeJS.ProcessEnv): TerminalRun {
  const { NODE_OPTIONS: _, NO_COLOR: __, ...inherited } = process.env;
  const line = [process.execPath, bin, ...args].map(quoted).join(" ");
  // A Ctrl-C that the terminal makes a signal of is for the command, not for the shell around it.
  const shell = `trap : INT; stty cols 140 rows 30; echo before=$(stty -g); ${line}; echo code=$?; echo after=$(stty -g)`;
  const child = spawn("script", ["-qfec", shell, "/dev/null"], {
    env: { ...inherited, TERM: "xterm-256color", SHELL: "/bin/sh", ...env },
  });
  let [all, readTo] = ["", 0];
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (all += chunk.toString()));
  const ended = once(child, "close");
  onTestFinished(async () => {
    child.stdin.end();
    child.kill("SIGTERM");
    await ended;
  });
  return {
    seen: () => all,
    until: async (pattern) =>
      await eventually(() => {
        const match = pattern.exec(all.slice(readTo));
        if (match === null)
          throw new Error(
            `not seen: ${String(pattern)} in ${JSON.stringify(all.slice(readTo).slice(-2000))}`,
          );
        readTo += match.index + match[0].length;
        return match[0];
      }),
    type: (keys) => child.stdin.write(keys),
    ended,
  };
}
