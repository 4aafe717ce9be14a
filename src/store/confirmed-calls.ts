import type { Cluster, Redis } from "ioredis";
import type { Client } from "./connection-options.ts";
import { ConfirmedLane, LANE_OPTIONS, type LaneCall, type LaneEvents } from "./confirmed-lane.ts";
import { nodeOf } from "./node-of.ts";
import { NotDoneError, withoutCommand } from "./redis-errors.ts";

/**
 * The way of a call that replicas confirm: to the lane of the master that has its keys. There is one lane, or in a Cluster
 * one per master that was asked, each opened when it is first needed.
 *
 * In a Cluster the lanes go by the map of slots that the other connection has. Where that is out of date the node says MOVED
 * and has done nothing: the map is fetched anew, and the store tries again. A slot that is just being moved is waited for in
 * the same way.
 *
 * A lane of a Cluster ends with its connection, or as soon as its node is found to be no master any more: one that is frozen
 * would hold its calls until the socket time-out, though a replica has taken over, and one that became a replica would
 * stay connected for nothing.
 */
const ONLY = "";

export class ConfirmedCalls {
  readonly #client: Client;
  readonly #onAsked: LaneEvents["onAsked"];
  readonly #lanes = new Map<string, ConfirmedLane>();

  /** @param client tells where Redis is; these calls never use it themselves */
  constructor(client: Client, onAsked: LaneEvents["onAsked"]) {
    this.#client = client;
    this.#onAsked = onAsked;
    if (isCluster(client)) client.on("refresh", () => this.#closeStale(client));
  }

  /** @param key any of the call's keys @throws as `ConfirmedLane.send` */
  async send(key: string, call: LaneCall): Promise<unknown> {
    const client = this.#client;
    if (!isCluster(client)) return await this.#lane(ONLY, () => client.duplicate(LANE_OPTIONS)).send(call);
    const node = masterOf(client, key);
    if (node === undefined) {
      client.refreshSlotsCache();
      throw new NotDoneError("no node of the Cluster is known to have the call's slot");
    }
    const lane = this.#lane(node.key, () => node.redis.duplicate({ ...LANE_OPTIONS, retryStrategy: null }));
    try {
      return await lane.send(call);
    } catch (error) {
      if (!isElsewhere(error)) throw error;
      client.refreshSlotsCache();
      const cause = withoutCommand(error);
      throw new NotDoneError("the call's slot is with another node of the Cluster", { cause });
    }
  }

  close(): void {
    for (const lane of this.#lanes.values()) lane.close();
    this.#lanes.clear();
  }

  #lane(node: string, open: () => Redis): ConfirmedLane {
    let lane = this.#lanes.get(node);
    if (lane === undefined) {
      const opened = new ConfirmedLane(open(), {
        onLost: () => this.#lost(node, opened),
        onAsked: this.#onAsked,
      });
      lane = opened;
      this.#lanes.set(node, lane);
    }
    return lane;
  }

  /** What a master of a Cluster had may be with another one now. */
  #lost(node: string, lane: ConfirmedLane): void {
    if (!isCluster(this.#client) || this.#lanes.get(node) !== lane) return;
    this.#lanes.delete(node);
    lane.close();
    if (this.#client.status === "ready") this.#client.refreshSlotsCache();
  }

  #closeStale(client: Cluster): void {
    const masters = new Set(client.nodes("master").map(nameOf));
    for (const [node, lane] of this.#lanes) {
      if (masters.has(node)) continue;
      this.#lanes.delete(node);
      lane.close();
    }
  }
}

/** By shape, so that a caller with another copy of ioredis is understood too. */
const isCluster = (client: Client): client is Cluster => "nodes" in client;

const nameOf = ({ options }: Redis): string => `${options.host}:${options.port}`;

function masterOf(cluster: Cluster, key: string): { key: string; redis: Redis } | undefined {
  const master = nodeOf(cluster, key);
  const redis = cluster.nodes("all").find((node) => nameOf(node) === master);
  return redis === undefined ? undefined : { key: master, redis };
}

const isElsewhere = (error: unknown): boolean =>
  error instanceof Error && error.name === "ReplyError" && /^(?:MOVED|ASK) /.test(error.message);
