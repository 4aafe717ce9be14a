import { locateRedisServer } from "./locate-redis-server.ts";
import {
  type RedisNode,
  fieldsOf,
  refuseDocker,
  startNode,
  type NodeSetting,
  type OpenClient,
} from "./redis-node.ts";
import type { RedisServerCommand } from "./redis-server-command.ts";
import { migrateSlots } from "./slot-migration.ts";
import { createTemporaryFolder, removeTemporaryFolder } from "./temporary-folder.ts";
import { waitUntil } from "./wait-until.ts";

/*
 * A Redis Cluster of processes of ours, put together with the CLUSTER commands, as an operator does with redis-cli.
 *
 * Which server is master of what is asked of the servers each time: it changes with every failover and migration. What one of
 * them says may be old; the highest config epoch of a slot wins, as among the servers themselves.
 */

export interface RedisClusterOptions {
  readonly openClient: OpenClient;
  /** Default: what `locateRedisServer` finds. */
  readonly server?: RedisServerCommand;
  /** Default: 3. */
  readonly masters?: number;
  /** Of each master. Default: 0. */
  readonly replicas?: number;
  /** How long a server must be silent before others count it as down. Default: 2000. */
  readonly nodeTimeoutMs?: number;
  /** More configuration of all servers. Default: none. */
  readonly config?: Readonly<Record<string, string>>;
  /** Asked by every server; they ask each other too. Default: none. */
  readonly password?: string;
}

/** What a server says of one in the cluster. */
interface ClusterLine {
  readonly id: string;
  readonly port: number;
  readonly flags: ReadonlySet<string>;
  readonly masterId: string | undefined;
  readonly epoch: number;
  /** First and last slot of each range. */
  readonly ranges: readonly (readonly [number, number])[];
}

const SLOTS = 16_384;
const FORM_TIMEOUT_MS = 30_000;

export class RedisCluster {
  readonly nodes: RedisNode[] = [];
  readonly #options: RedisClusterOptions;
  #setting: NodeSetting | undefined;
  #folder: string | undefined;

  private constructor(options: RedisClusterOptions) {
    this.#options = options;
  }

  /** Resolves when all servers see all slots served, and replicas are in sync. */
  static async start(options: RedisClusterOptions): Promise<RedisCluster> {
    const cluster = new RedisCluster(options);
    try {
      await cluster.#start();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** As a client wants them: where to begin. */
  get startNodes(): { host: string; port: number }[] {
    return this.nodes.map(({ port }) => ({ host: "127.0.0.1", port }));
  }

  /** The servers that hold slots, in order of their first. */
  async masters(): Promise<RedisNode[]> {
    const lines = (await this.#lines()).filter(({ ranges }) => ranges.length > 0);
    const inOrder = lines.sort((a, b) => (a.ranges[0]?.[0] ?? 0) - (b.ranges[0]?.[0] ?? 0));
    return inOrder.map((line) => this.#nodeAt(line.port));
  }

  async masterOf(slot: number): Promise<RedisNode> {
    const line = (await this.#lines()).find(({ ranges }) =>
      ranges.some(([first, last]) => first <= slot && slot <= last),
    );
    if (line === undefined) throw new Error(`Expected slot ${slot} to have a master, it has none`);
    return this.#nodeAt(line.port);
  }

  /** Slot -> its master; empty where there is none. */
  async slotOwners(): Promise<(RedisNode | undefined)[]> {
    const owners: (RedisNode | undefined)[] = Array.from({ length: SLOTS });
    for (const { port, ranges } of await this.#lines())
      for (const [first, last] of ranges) owners.fill(this.#nodeAt(port), first, last + 1);
    return owners;
  }

  /** All slots of a server. */
  async slotsOf(node: RedisNode): Promise<number[]> {
    const line = (await this.#lines()).find(({ port }) => port === node.port);
    return (line?.ranges ?? []).flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i),
    );
  }

  /** The servers that copy this one, as far as they live. */
  async replicasOf(node: RedisNode): Promise<RedisNode[]> {
    const lines = await this.#lines();
    const master = lines.find(({ port }) => port === node.port);
    return lines
      .filter(({ masterId, flags }) => masterId === master?.id && !flags.has("fail"))
      .map(({ port }) => this.#nodeAt(port));
  }

  /** Resolves with the new master of a slot when another one than before has it, and all who live see all slots served. */
  async failedOver(slot: number, before: RedisNode, timeoutMs = 20_000): Promise<RedisNode> {
    const after = await waitUntil(`another master of slot ${slot}`, timeoutMs, async () => {
      const master = await this.masterOf(slot);
      return master === before ? undefined : master;
    });
    await this.settled(timeoutMs);
    return after;
  }

  /** Resolves when all servers that live agree whose each slot is, and see all slots served. */
  async settled(timeoutMs = FORM_TIMEOUT_MS): Promise<void> {
    await waitUntil("all servers to see the cluster whole", timeoutMs, async () => {
      const living = this.#living();
      const states = await Promise.all(
        living.map(async (node) => fieldsOf(String(await node.call("CLUSTER", "INFO"))).get("cluster_state")),
      );
      const views = await Promise.all(living.map(async (node) => slotsSeenIn(await linesSeenBy(node))));
      return states.every((state) => state === "ok") && new Set(views).size === 1;
    });
  }

  /** Resolves when every replica that lives has all that its master has. */
  async inSync(timeoutMs = FORM_TIMEOUT_MS): Promise<void> {
    await waitUntil("all replicas in sync", timeoutMs, async () => {
      const all = await Promise.all(this.#living().map(async (node) => await node.info("replication")));
      const replicas = all.filter((facts) => facts.get("role") === "slave");
      return replicas.every(
        (facts) => facts.get("master_link_status") === "up" && facts.get("master_sync_in_progress") === "0",
      );
    });
  }

  /** A master without slots joins, with as many replicas as the others have. */
  async grow(): Promise<RedisNode> {
    const [known] = this.#living();
    if (known === undefined) throw new Error("Expected a server to join, none runs");
    const count = 1 + (this.#options.replicas ?? 0);
    const added = await this.#startNodes(count);
    for (const node of added) await this.#meet(known, node);
    await this.#allKnown();
    const [master, ...replicas] = added as [RedisNode, ...RedisNode[]];
    await this.#replicate(master, replicas);
    await this.settled();
    return master;
  }

  /** Moves slots, with all that is in them, to another master, as `redis-cli --cluster reshard` does. */
  async migrate(slots: readonly number[], to: RedisNode): Promise<void> {
    const lines = await this.#lines();
    const masters = lines.filter(({ ranges }) => ranges.length > 0).map(({ port }) => this.#nodeAt(port));
    const byOwner = new Map<RedisNode, number[]>();
    for (const slot of slots) {
      const from = await this.#ownerIn(lines, slot);
      if (from !== to) byOwner.set(from, [...(byOwner.get(from) ?? []), slot]);
    }
    const { password } = this.#options;
    for (const [from, its] of byOwner) await migrateSlots({ slots: its, from, to, masters, password });
  }

  /** Ends them all, frozen ones too, and removes what they wrote. Safe to call twice. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    if (this.#folder !== undefined) await removeTemporaryFolder(this.#folder);
    this.#folder = undefined;
  }

  async #start(): Promise<void> {
    const { openClient, masters: masterCount = 3, replicas: replicaCount = 0 } = this.#options;
    const server = this.#options.server ?? (await locateRedisServer());
    refuseDocker(server);
    this.#folder = await createTemporaryFolder();
    this.#setting = { server, folder: this.#folder, openClient };
    const nodes = await this.#startNodes(masterCount * (1 + replicaCount));
    const masters = nodes.slice(0, masterCount);
    // Epochs of their own, or the servers would have to settle first whose is which.
    await Promise.all(nodes.map((node, i) => node.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1)));
    const bound = (i: number): number => Math.round((i * SLOTS) / masterCount);
    await Promise.all(
      masters.map((node, i) => node.call("CLUSTER", "ADDSLOTSRANGE", bound(i), bound(i + 1) - 1)),
    );
    for (const node of nodes.slice(1)) await this.#meet(nodes[0] as RedisNode, node);
    await this.#allKnown();
    const replicasOf = (i: number): RedisNode[] =>
      nodes.slice(masterCount + i * replicaCount, masterCount + (i + 1) * replicaCount);
    await Promise.all(masters.map((master, i) => this.#replicate(master, replicasOf(i))));
    await this.settled();
    await this.inSync();
  }

  /** At once; those that came up are kept, for `stop`, also if another did not. */
  async #startNodes(count: number): Promise<RedisNode[]> {
    const { nodeTimeoutMs = 2000, config = {}, password } = this.#options;
    const first = this.nodes.length;
    const settled = await Promise.allSettled(
      Array.from({ length: count }, (_, i) =>
        startNode(this.#setting as NodeSetting, {
          name: `node-${first + i}`,
          hasBus: true,
          password,
          config: {
            "cluster-enabled": "yes",
            "cluster-node-timeout": String(nodeTimeoutMs),
            "repl-diskless-sync-delay": "0",
            ...(password !== undefined && { requirepass: password, masterauth: password }),
            ...config,
          },
        }),
      ),
    );
    const started = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    this.nodes.push(...started);
    for (const one of settled) if (one.status === "rejected") throw one.reason;
    return started;
  }

  async #meet(known: RedisNode, node: RedisNode): Promise<void> {
    await known.call("CLUSTER", "MEET", "127.0.0.1", node.port);
  }

  /** Resolves when every server that lives has shaken hands with all others. */
  async #allKnown(): Promise<void> {
    await waitUntil("all servers to know each other", FORM_TIMEOUT_MS, async () => {
      const views = await Promise.all(this.#living().map((node) => linesSeenBy(node)));
      return views.every(
        (lines) => lines.filter(({ flags }) => !flags.has("handshake")).length >= this.#living().length,
      );
    });
  }

  async #replicate(master: RedisNode, replicas: readonly RedisNode[]): Promise<void> {
    const id = String(await master.call("CLUSTER", "MYID"));
    for (const replica of replicas) await replica.call("CLUSTER", "REPLICATE", id);
  }

  #living(): RedisNode[] {
    return this.nodes.filter(({ isRunning, isFrozen }) => isRunning && !isFrozen);
  }

  #nodeAt(port: number): RedisNode {
    const node = this.nodes.find((one) => one.port === port);
    if (node === undefined) throw new Error(`Expected a server of ours on port ${port}, there is none`);
    return node;
  }

  async #ownerIn(lines: readonly ClusterLine[], slot: number): Promise<RedisNode> {
    const line = lines.find(({ ranges }) => ranges.some(([first, last]) => first <= slot && slot <= last));
    return line === undefined ? await this.masterOf(slot) : this.#nodeAt(line.port);
  }

  /** What the living say, where they differ the one of them that has seen the highest epochs. */
  async #lines(): Promise<ClusterLine[]> {
    const settled = await Promise.allSettled(this.#living().map((node) => linesSeenBy(node)));
    const views = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const newest = (lines: ClusterLine[]): number =>
      Math.max(...lines.filter(({ ranges }) => ranges.length > 0).map(({ epoch }) => epoch));
    const [best] = views.sort((a, b) => newest(b) - newest(a));
    if (best === undefined) throw new Error("Expected a server of the cluster to answer, none did");
    return best;
  }
}

/** The documented lines of CLUSTER NODES: id, address, flags, master, ping, pong, epoch, link, slots. */
async function linesSeenBy(node: RedisNode): Promise<ClusterLine[]> {
  const text = String(await node.call("CLUSTER", "NODES"));
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [id = "", address = "", flags = "", master = "", , , epoch = "", , ...slots] = line.split(" ");
      // Slots that move stand in brackets, beside the ranges.
      const ranges = slots.filter((slot) => !slot.startsWith("[")).map((slot) => rangeOf(slot));
      return {
        id,
        port: Number(/:(\d+)@/.exec(address)?.[1]),
        flags: new Set(flags.split(",")),
        masterId: master === "-" ? undefined : master,
        epoch: Number(epoch),
        ranges,
      };
    });
}

function rangeOf(text: string): readonly [number, number] {
  const [first, last = first] = text.split("-").map(Number) as [number, number?];
  return [first, last];
}

/** Whose each slot is, as one text that two views can be compared by. */
function slotsSeenIn(lines: readonly ClusterLine[]): string {
  return lines
    .filter(({ ranges }) => ranges.length > 0)
    .map(({ id, ranges }) => `${id} ${ranges.map((range) => range.join("-")).join(" ")}`)
    .sort()
    .join("\n");
}
