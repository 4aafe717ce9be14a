import { execFile } from "node:child_process";

const OUTPUT_MAX_BYTES = 16 * 1024 * 1024;

export interface RunCommandOptions {
  readonly env: NodeJS.ProcessEnv;
  /** The command is killed after this long and counts as failed. */
  readonly timeoutMs: number;
  /** Default: that of this process. */
  readonly cwd?: string;
}

export interface CommandResult {
  /** The command was found and ended with code 0 in time. */
  readonly isOk: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. Never rejects: a missing command is an answer like any other. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: RunCommandOptions,
): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(
      command,
      args,
      {
        env: options.env,
        cwd: options.cwd,
        timeout: options.timeoutMs,
        killSignal: "SIGKILL",
        maxBuffer: OUTPUT_MAX_BYTES,
      },
      (error, stdout, stderr) => {
        resolve({ isOk: error === null, stdout, stderr: stderr === "" ? (error?.message ?? "") : stderr });
      },
    );
  });
}
