import { DelayqError } from "../core/errors.ts";
import { launchLine } from "./launch-line.ts";
import { waitForPing } from "./ping-redis.ts";
import type { RedisServerCommand } from "./redis-server-command.ts";
import { ServerChild } from "./server-child.ts";
import { settlesWithin } from "./settles-within.ts";

/*
 * One Redis server on a fixed port and folder, which may be started again after it was stopped or killed.
 *
 *   stopped --start()--> starting --"Ready" in its log, and a PING answered--> running
 *   starting or running --stop(), kill(), or it dies by itself--> stopped
 *
 * A PING alone would not do: when the port was taken, the stranger that holds it would answer while our server is still
 * giving up. Only our own server writes to our pipe.
 */

export interface RedisProcessOptions {
  readonly server: RedisServerCommand;
  readonly port: number;
  /** Absolute path of an existing folder, for this server alone. */
  readonly dir: string;
  /** More of Redis's configuration. Default: nothing is saved, and nothing evicted. */
  readonly config?: Readonly<Record<string, string>>;
  /** Runs as a Sentinel with this file, which the Sentinel rewrites. Default: a server. */
  readonly sentinelFile?: string;
}

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 8000;
const KILL_TIMEOUT_MS = 5000;
const LOG_LINES_SHOWN = 8;
const READY_LINE = /Ready to accept connections|Sentinel ID is/;
const PORT_TAKEN_LINE = /Address already in use|port is already allocated/i;
const ENDING_SIGNALS: readonly NodeJS.Signals[] = ["SIGKILL", "SIGTERM", "SIGINT", "SIGABRT", "SIGSEGV"];

export class RedisProcess {
  readonly port: number;
  readonly dir: string;
  readonly #options: RedisProcessOptions;
  #child: ServerChild | undefined;
  #logTail: readonly string[] = [];

  constructor(options: RedisProcessOptions) {
    this.#options = options;
    this.port = options.port;
    this.dir = options.dir;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Process id of the server; in the case of Docker, of its client. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** The last lines the server wrote, also after its end. */
  get logTail(): readonly string[] {
    return this.#logTail;
  }

  /** The last start failed because somebody else has the port. */
  get isPortTaken(): boolean {
    return !this.isRunning && this.#logTail.some((line) => PORT_TAKEN_LINE.test(line));
  }

  /**
   * Starts the server and resolves when it accepts connections, its data loaded.
   *
   * @throws DelayqError DELAYQ_REDIS_START_FAILED, with the last lines of its log.
   */
  async start(): Promise<void> {
    if (this.#child !== undefined) throw this.#startError("it is running already");
    const child = this.#spawn();
    const giveUp = new AbortController();
    const whenReady = child.log.whenLine(READY_LINE).then(() => waitForPing(this.port, giveUp.signal));
    const outcome = Promise.race([whenReady, child.ended.then(() => false)]);
    const isSettled = await settlesWithin(outcome, START_TIMEOUT_MS);
    giveUp.abort();
    if (isSettled && (await outcome)) return;
    const reason = this.isRunning ? `it was not ready within ${START_TIMEOUT_MS} ms` : "it ended";
    await this.kill("SIGKILL");
    throw this.#startError(reason);
  }

  /** Ends the server in order, its data written; one that does not obey is killed. Resolves when it has ended. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    await child.signal("SIGTERM");
    await child.signal("SIGCONT");
    if (!(await child.endsWithin(STOP_TIMEOUT_MS))) await this.kill("SIGKILL");
  }

  /** Sends a signal. One that ends the server resolves when it has ended; SIGSTOP and SIGCONT resolve at once. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    await child.signal(signal);
    if (ENDING_SIGNALS.includes(signal)) await child.endsWithin(KILL_TIMEOUT_MS);
  }

  #spawn(): ServerChild {
    const { server, config = {}, sentinelFile } = this.#options;
    const child = new ServerChild(
      launchLine(server, { port: this.port, dir: this.dir, config, sentinelFile }),
    );
    this.#child = child;
    this.#logTail = child.log.lines;
    // `ended` never rejects.
    void child.ended.then(() => {
      this.#child = undefined;
    });
    return child;
  }

  #startError(reason: string): DelayqError {
    const log = this.#logTail.slice(-LOG_LINES_SHOWN).map((line) => `\n  ${line}`);
    return new DelayqError(
      "DELAYQ_REDIS_START_FAILED",
      `Redis on port ${this.port} did not start: ${reason}${log.join("")}`,
    );
  }
}
