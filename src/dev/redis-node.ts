import { join } from "node:path";
import { mkdir } from "node:fs/promises";
import { findFreePort } from "./free-port.ts";
import type { RedisServerCommand } from "./redis-server-command.ts";
import { RedisProcess, type RedisProcessOptions } from "./redis-process.ts";

/** A client that steers a server. Only the store may import one, so whoever starts servers brings his. */
export interface SteeringClient {
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
  disconnect(): void;
}

/** Opens a client to a port of 127.0.0.1, which fails what it cannot send and does not come back by itself. */
export type OpenClient = (address: { port: number; password?: string }) => SteeringClient;

/** What all servers of a set have in common. */
export interface NodeSetting {
  readonly server: RedisServerCommand;
  /** Below it each server gets a folder of its own. */
  readonly folder: string;
  readonly openClient: OpenClient;
}

/** Paths of PEM files. */
export interface TlsFiles {
  readonly key: string;
  readonly cert: string;
}

export interface NodeOptions {
  readonly name: string;
  readonly config?: Readonly<Record<string, string>>;
  /** More environment, e.g. another clock. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
  /** What its clients have to say first. Default: nothing. */
  readonly password?: string | undefined;
  /** Speaks TLS too, on a port of its own. Default: not. */
  readonly tls?: TlsFiles | undefined;
  /** Its cluster bus needs a second port. */
  readonly hasBus?: boolean;
  /** Makes the server a Sentinel; writes its file into the folder given, and returns the path. */
  readonly writeSentinelFile?: (folder: string) => Promise<string>;
}

const CALL_TIMEOUT_MS = 5000;
const PORT_TRIES_MAX = 5;
const BUS_OFFSET = 10_000;

/** One server of a set: its process, which keeps its port and folder, and a client that is opened when it is needed. */
export class RedisNode {
  readonly name: string;
  /** Where it speaks TLS, if it does. */
  readonly tlsPort: number | undefined;
  readonly #process: RedisProcess;
  readonly #openClient: () => SteeringClient;
  #client: SteeringClient | undefined;
  #isFrozen = false;

  constructor(
    name: string,
    process: RedisProcess,
    openClient: () => SteeringClient,
    tlsPort: number | undefined,
  ) {
    this.name = name;
    this.#process = process;
    this.#openClient = openClient;
    this.tlsPort = tlsPort;
  }

  get port(): number {
    return this.#process.port;
  }

  get url(): string {
    return this.#process.url;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Its process lives; it may be frozen. */
  get isRunning(): boolean {
    return this.#process.isRunning;
  }

  get isFrozen(): boolean {
    return this.isRunning && this.#isFrozen;
  }

  /** The last lines that it wrote. */
  get logTail(): readonly string[] {
    return this.#process.logTail;
  }

  async start(): Promise<void> {
    this.#isFrozen = false;
    await this.#process.start();
  }

  /** SIGKILL. Resolves when it has ended. */
  async kill(): Promise<void> {
    await this.#process.kill("SIGKILL");
    this.#hangUp();
  }

  /** SIGSTOP: its sockets stay open, and nobody answers. */
  async freeze(): Promise<void> {
    this.#isFrozen = true;
    await this.#process.kill("SIGSTOP");
    this.#hangUp();
  }

  /** SIGCONT. */
  async thaw(): Promise<void> {
    this.#isFrozen = false;
    await this.#process.kill("SIGCONT");
  }

  /** SIGTERM, also when it is frozen. */
  async stop(): Promise<void> {
    this.#hangUp();
    await this.#process.stop();
  }

  /** Sends one command. A server that does not answer fails it after 5 s. */
  async call(command: string, ...args: (string | number)[]): Promise<unknown> {
    if (!this.isRunning || this.#isFrozen)
      throw new Error(`Expected ${this.name} to run when it is told ${command}; it does not`);
    const client = (this.#client ??= this.#openClient());
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), CALL_TIMEOUT_MS);
    try {
      return await new Promise((resolve, reject) => {
        late.signal.addEventListener("abort", () => {
          reject(new Error(`${this.name} did not answer ${command} within ${CALL_TIMEOUT_MS} ms`));
        });
        client.call(command, ...args).then(resolve, reject);
      });
    } catch (error) {
      // Of a connection that failed nothing is to be expected; an error that Redis sent is an answer.
      if (!(error instanceof Error && error.name === "ReplyError") && this.#client === client) this.#hangUp();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The fields of a section of INFO. */
  async info(section: string): Promise<ReadonlyMap<string, string>> {
    return fieldsOf(String(await this.call("INFO", section)));
  }

  #hangUp(): void {
    this.#client?.disconnect();
    this.#client = undefined;
  }
}

/** Lines of `name:value`. */
export function fieldsOf(text: string): ReadonlyMap<string, string> {
  const lines = text.split("\r\n").filter((line) => /^[^#].*:/.test(line));
  return new Map(
    lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)] as const),
  );
}

/**
 * Starts a server on a port that is free. Between finding it so and binding it somebody may take it: then another is tried.
 *
 * @throws DelayqError DELAYQ_REDIS_START_FAILED
 */
export async function startNode(setting: NodeSetting, options: NodeOptions): Promise<RedisNode> {
  const { name, config = {}, env = {}, password, tls, hasBus = false, writeSentinelFile } = options;
  const dir = join(setting.folder, name);
  await mkdir(dir, { recursive: true });
  const server = { ...setting.server, env: { ...setting.server.env, ...env } };
  for (let tries = 1; ; tries += 1) {
    const port = await findFreePort(hasBus ? [BUS_OFFSET] : []);
    const tlsPort = tls === undefined ? undefined : await findFreePort();
    const sentinelFile = await writeSentinelFile?.(dir);
    const all: RedisProcessOptions = {
      server,
      port,
      dir,
      config: { ...tlsConfig(tls, tlsPort), ...config },
      ...(sentinelFile && { sentinelFile }),
    };
    const process = new RedisProcess(all);
    try {
      await process.start();
      const address = { port, ...(password !== undefined && { password }) };
      return new RedisNode(name, process, () => setting.openClient(address), tlsPort);
    } catch (error) {
      if (!process.isPortTaken || tries === PORT_TRIES_MAX) throw error;
    }
  }
}

/** Clients bring no certificates. */
function tlsConfig(tls: TlsFiles | undefined, port: number | undefined): Record<string, string> {
  if (tls === undefined) return {};
  const files = { "tls-key-file": tls.key, "tls-cert-file": tls.cert, "tls-ca-cert-file": tls.cert };
  return { "tls-port": String(port), "tls-auth-clients": "no", ...files };
}

/** Servers of a set find one another at 127.0.0.1, which containers do not share. */
export function refuseDocker(server: RedisServerCommand): void {
  if (server.source !== "docker") return;
  throw new Error(
    "Expected a redis-server that runs on this machine, got one that runs in Docker, where the servers of a set cannot reach each other. Install redis-server and try again.",
  );
}
