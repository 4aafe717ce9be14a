import { type ChildProcess, spawn } from "node:child_process";
import type { LaunchLine } from "./launch-line.ts";
import { watchParent } from "./parent-watch.ts";
import { runCommand } from "./run-command.ts";
import { ServerLog } from "./server-log.ts";
import { settlesWithin } from "./settles-within.ts";

/** How long the last lines of a dead server's log may take to arrive. */
const LOG_DRAIN_MS = 250;
const DOCKER_TIMEOUT_MS = 10_000;

/** Ends a server whose starter is gone: asks it, wakes it in case it is frozen, and after 5 s does not ask any more. */
const END_SCRIPT = [
  'kill -TERM "$1"; kill -CONT "$1"; n=0',
  'while kill -0 "$1" && [ $n -lt 50 ]; do n=$((n+1)); sleep 0.1; done',
  'kill -KILL "$1"',
].join("\n");

/** One run of a server, from its spawn to its end, as a process of ours or as a container. */
export class ServerChild {
  readonly log = new ServerLog();
  /** Resolves, never rejects, when the server has ended and its log is read. */
  readonly ended: Promise<void>;
  readonly #line: LaunchLine;
  readonly #child: ChildProcess;

  constructor(line: LaunchLine) {
    this.#line = line;
    // A session of its own keeps Ctrl-C in the terminal from ending Redis before those who use it.
    const child = spawn(line.command, line.args, {
      env: line.env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#child = child;
    this.log.read(child.stdout);
    this.log.read(child.stderr);
    const stopWatching = watchParent(this.#cleanUpCommand(), line.env);
    this.ended = this.#whenEnded().then(stopWatching);
    child.unref();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    const { command, containerName, env } = this.#line;
    if (containerName !== undefined) {
      const args = ["kill", "--signal", signal, containerName];
      const sent = await runCommand(command, args, { env, timeoutMs: DOCKER_TIMEOUT_MS });
      // While there is no container yet, there is its client.
      if (sent.isOk) return;
    }
    this.#child.kill(signal);
  }

  /** True when the server ended within `timeoutMs`. */
  endsWithin(timeoutMs: number): Promise<boolean> {
    return settlesWithin(this.ended, timeoutMs);
  }

  #cleanUpCommand(): readonly string[] {
    const { command, containerName } = this.#line;
    if (containerName !== undefined) return [command, "rm", "--force", containerName];
    return ["/bin/sh", "-c", END_SCRIPT, "sh", String(this.#child.pid)];
  }

  async #whenEnded(): Promise<void> {
    const child = this.#child;
    const closed = new Promise((resolve) => child.once("close", resolve));
    await new Promise<void>((resolve) => {
      child.on("error", (error) => {
        this.log.add(error.message);
        // Without a pid it was never spawned, and no exit will come.
        if (child.pid === undefined) resolve();
      });
      child.once("exit", (code, signal) => {
        this.log.add(`(ended with ${signal ?? `code ${code}`})`);
        resolve();
      });
    });
    // A fork of the server that writes a file may hold the pipe for longer than anybody wants to wait.
    if (child.pid !== undefined) await settlesWithin(closed, LOG_DRAIN_MS);
  }
}
