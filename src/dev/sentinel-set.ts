import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { locateRedisServer } from "./locate-redis-server.ts";
import {
  type RedisNode,
  refuseDocker,
  startNode,
  type NodeSetting,
  type OpenClient,
  type TlsFiles,
} from "./redis-node.ts";
import type { RedisServerCommand } from "./redis-server-command.ts";
import { createTemporaryFolder, removeTemporaryFolder } from "./temporary-folder.ts";
import { waitUntil } from "./wait-until.ts";

/*
 * A master, its replicas and the Sentinels that watch them, all of them processes of ours. Without Sentinels it is a plain
 * replicated Redis.
 *
 * Sentinels learn of each other through the master, where each says every 2 s that it is there. At the start that is made
 * quicker, so that a test does not wait for it; then they go on as always.
 */

export interface SentinelSetOptions {
  readonly openClient: OpenClient;
  /** Default: what `locateRedisServer` finds. */
  readonly server?: RedisServerCommand;
  /** Default: 2. */
  readonly replicas?: number;
  /** Default: 3. With 0 nobody watches. */
  readonly sentinels?: number;
  /** The name that Sentinels know the master by. Default: `main`. */
  readonly name?: string;
  /** How long a server must be silent before a Sentinel counts it as down. Default: 2000. */
  readonly downAfterMs?: number;
  /** Default: 10000. */
  readonly failoverTimeoutMs?: number;
  /**
   * How often Sentinels tell of themselves. Smaller than the default, they also ask servers that much more often. With a
   * `downAfterMs` below 2000 it must be smaller: Sentinels open a connection to a new master no sooner than a second after
   * the last one, and would count it as down. Default: 2000.
   */
  readonly helloMs?: number;
  /** More configuration of master and replicas. Default: none. */
  readonly config?: Readonly<Record<string, string>>;
  /** Asked of master and replicas by every client; they ask each other too. Default: none. */
  readonly password?: string;
  /** Master and replicas speak TLS too; among each other they do not. Default: none. */
  readonly tls?: TlsFiles;
  /** More environment of the server with this number, the master being 0. Default: none. */
  readonly envOf?: (number: number) => Readonly<Record<string, string>>;
}

const HELLO_EAGER_MS = 100;
const HELLO_USUAL_MS = 2000;
const PING_USUAL_MS = 1000;
/**
 * Of a master that is down Sentinels ask its replicas each second, whatever is set, and make none of them the master that has
 * not told for five pings: with a shorter period a failover finds nobody now and then, and is tried again much later.
 */
const PING_LEAST_MS = 400;
const AGREE_TIMEOUT_MS = 30_000;
const SYNC_TIMEOUT_MS = 30_000;

export class SentinelSet {
  readonly name: string;
  /** The servers: at the start the first is the master. */
  readonly nodes: RedisNode[] = [];
  readonly sentinelNodes: RedisNode[] = [];
  readonly #options: SentinelSetOptions;
  #folder: string | undefined;

  private constructor(options: SentinelSetOptions) {
    this.#options = options;
    this.name = options.name ?? "main";
  }

  /** Resolves when the replicas are in sync and every Sentinel knows all servers and all others. */
  static async start(options: SentinelSetOptions): Promise<SentinelSet> {
    const set = new SentinelSet(options);
    try {
      await set.#start();
      return set;
    } catch (error) {
      await set.stop();
      throw error;
    }
  }

  /** As a client wants them. */
  get sentinels(): readonly { readonly host: string; readonly port: number }[] {
    return this.sentinelNodes.map(({ port }) => ({ host: "127.0.0.1", port }));
  }

  /** What ioredis takes as its options. */
  get connection(): { sentinels: { host: string; port: number }[]; name: string; password?: string } {
    const { password } = this.#options;
    return { sentinels: [...this.sentinels], name: this.name, ...(password !== undefined && { password }) };
  }

  /** The server that takes writes now, as most Sentinels see it; where none answers, the one that says so itself. */
  async master(): Promise<RedisNode> {
    const port = await this.#masterPort();
    const isMaster = async (node: RedisNode): Promise<boolean> =>
      port === undefined ? (await node.info("replication")).get("role") === "master" : node.port === port;
    for (const node of this.nodes) if (await isMaster(node).catch(() => false)) return node;
    throw new Error("Expected one of the servers to be the master; none is, or it does not answer");
  }

  /** All others, those that are dead or frozen too. */
  async replicas(): Promise<RedisNode[]> {
    const master = await this.master();
    return this.nodes.filter((node) => node !== master);
  }

  /** Resolves with the new master, when another one than before says so itself and most Sentinels agree. */
  async failedOver(before: RedisNode, timeoutMs = 40_000): Promise<RedisNode> {
    return await waitUntil("another master", timeoutMs, async () => {
      const master = await this.master();
      if (master === before) return undefined;
      return (await master.info("replication")).get("role") === "master" ? master : undefined;
    });
  }

  /** Resolves when the master has this many replicas, by default all that run, and they have all that it has now. */
  async inSync(count = this.#living(this.nodes).length - 1): Promise<void> {
    let wanted: number | undefined;
    await waitUntil(`${count} replicas in sync`, SYNC_TIMEOUT_MS, async () => {
      const facts = await (await this.master()).info("replication");
      const replicas = [...facts].filter(([name]) => /^slave\d+$/.test(name)).map(([, text]) => text);
      if (replicas.filter((text) => text.includes("state=online")).length !== count) return false;
      // Under load they are always a little behind.
      wanted ??= Number(facts.get("master_repl_offset"));
      return replicas.every((text) => Number(/offset=(\d+)/.exec(text)?.[1]) >= Number(wanted));
    });
  }

  /** Resolves when every Sentinel that runs knows all others that were started, all replicas, and the same master. */
  async agreed(): Promise<void> {
    const running = this.#living(this.sentinelNodes);
    await waitUntil("the Sentinels to know each other", AGREE_TIMEOUT_MS, async () => {
      const all = await Promise.all(running.map((sentinel) => this.#seenBy(sentinel)));
      return all.every(
        (facts) =>
          facts.get("port") === all[0]?.get("port") &&
          facts.get("num-other-sentinels") === String(this.sentinelNodes.length - 1) &&
          facts.get("num-slaves") === String(this.nodes.length - 1) &&
          facts.get("flags") === "master",
      );
    });
  }

  /** Ends them all, frozen ones too, and removes what they wrote. Safe to call twice. */
  async stop(): Promise<void> {
    // Sentinels first: they would fail over from a master that goes.
    for (const nodes of [this.sentinelNodes, this.nodes]) await Promise.all(nodes.map((node) => node.kill()));
    if (this.#folder !== undefined) await removeTemporaryFolder(this.#folder);
    this.#folder = undefined;
  }

  async #start(): Promise<void> {
    const { openClient, replicas = 2, sentinels = 3 } = this.#options;
    const server = this.#options.server ?? (await locateRedisServer());
    refuseDocker(server);
    this.#folder = await createTemporaryFolder();
    const setting = { server, folder: this.#folder, openClient };
    const master = await this.#startServer(setting, 0, {});
    this.nodes.push(master);
    await this.#gather(this.nodes, replicas, (i) =>
      this.#startServer(setting, i + 1, { replicaof: `127.0.0.1 ${master.port}` }),
    );
    await this.#gather(this.sentinelNodes, sentinels, (i) => this.#startSentinel(setting, i, master));
    await this.inSync(replicas);
    if (sentinels === 0) return;
    await this.#setPeriods(HELLO_EAGER_MS);
    await this.agreed();
    await this.#setPeriods(this.#options.helloMs ?? HELLO_USUAL_MS);
  }

  /** At once; those that came up are kept, for `stop`, also if another did not. */
  async #gather(into: RedisNode[], count: number, start: (i: number) => Promise<RedisNode>): Promise<void> {
    const settled = await Promise.allSettled(Array.from({ length: count }, (_, i) => start(i)));
    for (const one of settled) if (one.status === "fulfilled") into.push(one.value);
    for (const one of settled) if (one.status === "rejected") throw one.reason;
  }

  async #startServer(setting: NodeSetting, number: number, own: Record<string, string>): Promise<RedisNode> {
    const { config = {}, password, tls, envOf } = this.#options;
    return await startNode(setting, {
      name: `server-${number}`,
      password,
      tls,
      config: {
        "repl-diskless-sync-delay": "0",
        ...(password !== undefined && { requirepass: password, masterauth: password }),
        ...config,
        ...own,
      },
      env: envOf?.(number) ?? {},
    });
  }

  async #startSentinel(setting: NodeSetting, number: number, master: RedisNode): Promise<RedisNode> {
    const { name } = this;
    const { sentinels = 3, downAfterMs = 2000, failoverTimeoutMs = 10_000, password } = this.#options;
    const quorum = Math.floor(sentinels / 2) + 1;
    const lines = [
      `sentinel monitor ${name} 127.0.0.1 ${master.port} ${quorum}`,
      `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
      `sentinel failover-timeout ${name} ${failoverTimeoutMs}`,
      `sentinel parallel-syncs ${name} 2`,
      ...(password === undefined ? [] : [`sentinel auth-pass ${name} ${password}`]),
    ];
    return await startNode(setting, {
      name: `sentinel-${number}`,
      writeSentinelFile: async (folder) => {
        const file = join(folder, "sentinel.conf");
        await writeFile(file, `${lines.join("\n")}\n`);
        return file;
      },
    });
  }

  #living(nodes: readonly RedisNode[]): RedisNode[] {
    return nodes.filter(({ isRunning, isFrozen }) => isRunning && !isFrozen);
  }

  async #setPeriods(helloMs: number): Promise<void> {
    const periods = {
      "publish-period": helloMs,
      "info-period": 5 * helloMs,
      "ping-period": Math.min(PING_USUAL_MS, Math.max(PING_LEAST_MS, helloMs)),
    };
    await Promise.all(
      this.sentinelNodes.map((node) => node.call("SENTINEL", "DEBUG", ...Object.entries(periods).flat())),
    );
  }

  async #seenBy(sentinel: RedisNode): Promise<ReadonlyMap<string, string>> {
    const flat = (await sentinel.call("SENTINEL", "MASTER", this.name)) as string[];
    return new Map(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? ""] as const] : [])));
  }

  /** What most of the Sentinels that answer name. */
  async #masterPort(): Promise<number | undefined> {
    const votes = new Map<number, number>();
    for (const answer of await Promise.allSettled(this.sentinelNodes.map((node) => this.#seenBy(node)))) {
      if (answer.status === "rejected") continue;
      const port = Number(answer.value.get("port"));
      votes.set(port, (votes.get(port) ?? 0) + 1);
    }
    const [most] = [...votes].sort(([, a], [, b]) => b - a);
    return most?.[0];
  }
}
