import { spawn } from "node:child_process";
import { once } from "node:events";
import { bin, root } from "./cli.ts";

export interface OnTerminal {
  readonly code: number | null;
  /** Both streams, as the terminal saw them. */
  readonly output: string;
}

/**
 * Runs a command on a pseudo-terminal, which `script` of util-linux makes. Types each answer when its question has been asked.
 */
export async function runOnTerminal(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  answers: readonly (readonly [question: string, answer: string])[] = [],
): Promise<OnTerminal> {
  const quoted = [process.execPath, bin, ...args].map((arg) => `'${arg.replaceAll("'", `'\\''`)}'`).join(" ");
  const { NO_COLOR: _, NODE_OPTIONS: __, ...inherited } = process.env;
  const child = spawn("script", ["-qec", quoted, "/dev/null"], {
    cwd: root,
    env: { ...inherited, TERM: "xterm", ...env },
  });
  let output = "";
  const left = [...answers];
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    const next = left[0];
    if (next === undefined || !output.includes(next[0])) return;
    left.shift();
    child.stdin.write(next[1]);
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}
