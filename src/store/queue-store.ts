import { DelayqError } from "../core/errors.ts";
import { memberId } from "../core/ids.ts";
import type { Confirmation, Due, KeptOptions } from "../core/options.ts";
import { KEPT_DEFAULTS, LEASE_MAX_MS, SHARDS_DEFAULT, SHARDS_DEFAULT_CLUSTER } from "../core/options.ts";
import type { TaskState } from "../core/task.ts";
import type { CallOptions, Connection } from "./connection.ts";
import { metaKey, queuesKey, shardKeys, type Namespace, type ShardKeys } from "./keys.ts";
import type { Arg, ReplyOf } from "./script.ts";
import * as scripts from "./scripts.ts";
import type { EncodedArgs } from "./wire.ts";

/** What meta says of a queue. */
export interface Meta {
  readonly shards: number;
  readonly paused: boolean;
  readonly generation: string;
  readonly profiles: ReadonlyMap<number, string>;
}

/** What a script gets as the time: "0" for Redis TIME, the clock of everything; tests give epoch ms. */
export type GivenTime = () => string;
export const REDIS_TIME: GivenTime = () => "0";

const CALL_MS = 10_000;
/** Bounds of one call, so that no script stalls Redis: ids for what writes records or scores, for reads, and bytes. */
export const WRITE_BATCH_MAX = 200;
export const READ_BATCH_MAX = 500;
export const BATCH_BYTES_MAX = 524_288;
export const CLAIM_BATCH_MAX = 200;
/**
 * How many tasks one `add` may hold, so that it keeps Redis busy for a millisecond or so: each of them takes the longer the
 * more the shard holds (docs/performance.md).
 */
export const addBatchMax = (held: number): number => (held < 250_000 ? 150 : held < 1_000_000 ? 75 : 50);
/** Each is counted once a level. */
export const INSTANTS_MAX = 100;

/** The transitions of one queue, typed. Knows keys and scripts, and nothing of what they are for. */
export class QueueStore {
  readonly namespace: Namespace;
  readonly #connection: Connection;
  readonly #time: GivenTime;
  readonly #caller = memberId();
  readonly #profiles = new Map<number, KeptOptions>();
  #shards: readonly ShardKeys[] = [];
  #calls = 0;

  constructor(connection: Connection, namespace: Namespace, time: GivenTime = REDIS_TIME) {
    this.#connection = connection;
    this.namespace = namespace;
    this.#time = time;
  }

  /** Names one change, so that it is remembered if it must be sent again. */
  nextCallId(): string {
    return `${this.#caller}${(this.#calls++).toString(36)}`;
  }

  /** The keys of all shards; made once for a number of shards. */
  shards(count: number): readonly ShardKeys[] {
    if (this.#shards.length !== count) {
      this.#shards = Array.from({ length: count }, (_, shard) => shardKeys(this.namespace, shard, count));
    }
    return this.#shards;
  }

  // Meta and registry

  async register(shards: number, profile: string, options: CallOptions) {
    const fallback = this.#connection.isCluster ? SHARDS_DEFAULT_CLUSTER : SHARDS_DEFAULT;
    const args = { nowMs: this.#time(), shards, fallback, profile };
    return await this.#connection.call(scripts.register, { meta: this.#meta() }, args, [], options);
  }

  async enlist(shards: number, options = within()): Promise<void> {
    const args = { queue: this.namespace.queue, shards };
    const keys = { queues: queuesKey(this.namespace.prefix) };
    await this.#connection.call(scripts.enlist, keys, args, [], options);
  }

  /** @throws DelayqError `DELAYQ_NEWER_FORMAT` */
  async readMeta(options: CallOptions = within()): Promise<Meta | undefined> {
    const flat = pairs(await this.#connection.read("hgetall", [this.#meta()], options));
    if (!flat.has("format")) return undefined;
    if (flat.get("format") !== "1") {
      throw new DelayqError(
        "DELAYQ_NEWER_FORMAT",
        `Expected queue ${this.namespace.queue} to be of format 1, got format ${flat.get("format")}. Update this process.`,
      );
    }
    const profiles = [...flat].filter(([field]) => field.startsWith("profile:"));
    return {
      shards: Number(flat.get("shards")),
      paused: flat.get("paused") === "1",
      generation: flat.get("generation") ?? "0",
      profiles: new Map(profiles.map(([field, json]) => [Number(field.slice("profile:".length)), json])),
    };
  }

  /** The number of shards, or undefined for a queue that is not there. */
  async readShards(options = within()): Promise<number | undefined> {
    const shards = await this.#connection.read("hget", [this.#meta(), "shards"], options);
    return typeof shards === "string" ? Number(shards) : undefined;
  }

  /** What the registry says of it. */
  async readEnlisted(options = within()): Promise<number | undefined> {
    const { prefix, queue } = this.namespace;
    return (await readShardCounts(this.#connection, prefix, [queue], options)).get(queue);
  }

  cachedProfile(number: number): KeptOptions | undefined {
    return this.#profiles.get(number);
  }

  /** The options behind a profile number; they never change, so they are read once. */
  async profile(number: number): Promise<KeptOptions> {
    let profile = this.#profiles.get(number);
    if (profile === undefined) {
      const json = await this.#connection.read("hget", [this.#meta(), `profile:${number}`], within());
      if (typeof json !== "string") return KEPT_DEFAULTS;
      profile = { ...KEPT_DEFAULTS, ...(JSON.parse(json) as Partial<KeptOptions>) };
      this.#profiles.set(number, profile);
    }
    return profile;
  }

  /** After a queue was obliterated its numbers may be given anew. */
  forgetProfiles(): void {
    this.#profiles.clear();
  }

  /** @param restoring the id of the restore that asks for it, if one does */
  async setPaused(paused: boolean, options = within(), restoring = "") {
    const args = { nowMs: this.#time(), paused: paused ? 1 : 0, restoring };
    return await this.#connection.call(scripts.setPaused, { meta: this.#meta() }, args, [], options);
  }

  async copyCtl(keys: ShardKeys, meta: Meta, options = within()): Promise<void> {
    const args = { generation: meta.generation, shards: meta.shards, paused: meta.paused ? 1 : 0 };
    await this.#connection.call(scripts.copyCtl, keys, args, [...meta.profiles].flat(), options);
  }

  /** Says that an export was written to its end. Returns false for a queue that is not there. */
  async noteExport(options = within()): Promise<boolean> {
    const args = { nowMs: this.#time() };
    const { word } = await this.#connection.call(
      scripts.noteExport,
      { meta: this.#meta() },
      args,
      [],
      options,
    );
    return word === "NOTED";
  }

  /** When the last export was written to its end, epoch ms by the clock of Redis; undefined if none was. */
  async readExportedAt(options = within()): Promise<number | undefined> {
    const ms = await this.#connection.read("hget", [this.#meta(), "exportedAtMs"], options);
    return typeof ms === "string" ? Number(ms) : undefined;
  }

  async wipeMeta(options = within()): Promise<void> {
    await this.#connection.call(scripts.wipeMeta, { meta: this.#meta() }, {}, [], options);
  }

  async wipeShard(keys: ShardKeys, options = within()): Promise<void> {
    await this.#connection.call(scripts.wipeShard, keys, {}, [], options);
  }

  // Producing and changing

  async add(
    keys: ShardKeys,
    registered: { profile: number; shards: number },
    items: readonly Arg[] | EncodedArgs,
    callId: string,
    options: CallOptions,
  ) {
    const { profile, shards } = registered;
    const args = { nowMs: this.#time(), callId, profile, shards };
    return await this.#connection.call(scripts.add, keys, args, items, options);
  }

  async cancel(keys: ShardKeys, items: readonly Arg[], options = within()) {
    return (await this.#connection.call(scripts.cancel, keys, this.#once(), items, options)).outcomes;
  }

  async reschedule(keys: ShardKeys, items: readonly Arg[], options = within()) {
    return (await this.#connection.call(scripts.reschedule, keys, this.#once(), items, options)).outcomes;
  }

  async runNow(keys: ShardKeys, items: readonly Arg[], options = within()) {
    return (await this.#connection.call(scripts.runNow, keys, this.#once(), items, options)).outcomes;
  }

  async update(keys: ShardKeys, items: readonly Arg[], options = within()) {
    return (await this.#connection.call(scripts.update, keys, this.#once(), items, options)).outcomes;
  }

  async requeue(keys: ShardKeys, items: readonly Arg[], options = within()) {
    return (await this.#connection.call(scripts.requeue, keys, this.#once(), items, options)).outcomes;
  }

  async purge(keys: ShardKeys, items: readonly Arg[], options = within()) {
    return (await this.#connection.call(scripts.purge, keys, this.#once(), items, options)).outcomes;
  }

  async restore(
    keys: ShardKeys,
    shards: number,
    items: readonly Arg[] | EncodedArgs,
    callId: string,
    options: CallOptions,
  ) {
    const args = { nowMs: this.#time(), callId, shards };
    return await this.#connection.call(scripts.restore, keys, args, items, options);
  }

  // Reading

  /** The next page of all tasks of a shard. */
  async walk(keys: ShardKeys, place: WalkPlace, limit: number, options = within()) {
    return await this.#connection.call(
      scripts.walk,
      keys,
      { nowMs: this.#time(), ...place, limit },
      [],
      options,
    );
  }

  async get(keys: ShardKeys, ids: readonly string[], options = within()) {
    return (await this.#connection.call(scripts.get, keys, { nowMs: this.#time() }, ids, options)).tasks;
  }

  /** A page of one structure, behind the last id of the page before. */
  async page(source: PageSource, after: { id: string; score: number } | undefined, limit: number) {
    const { scored, range } = source;
    const args = { nowMs: this.#time(), range, score: after?.score ?? "", id: after?.id ?? "", limit };
    return await this.#connection.call(scripts.list, { scored }, args, [], within());
  }

  /** The levels in use, highest first. */
  async levels(keys: ShardKeys): Promise<number[]> {
    const levels = await this.#connection.read("hget", [keys.ctl, "levels"], within());
    return typeof levels === "string" ? Array.from(levels, Number) : [];
  }

  /** The ids on the runway of a level; it is short. */
  async runway(keys: ShardKeys, level: number): Promise<string[]> {
    const ids = await this.#connection.read("lrange", [keys.ready[level] ?? "", 0, -1], within());
    return (ids as string[] | undefined) ?? [];
  }

  /** How many tasks are in a shard, whatever their states. */
  async size(keys: ShardKeys): Promise<number> {
    return Number(await this.#connection.read("hlen", [keys.tasks], within()));
  }

  async counts(keys: ShardKeys) {
    return await this.#connection.call(scripts.counts, keys, { nowMs: this.#time() }, [], within());
  }

  /** Who serves a shard, its tasks, counters and telling times; and how many died in the last `sinceMs`. */
  async lookShard(keys: ShardKeys, sinceMs: number, options = within()) {
    const args = { nowMs: this.#time(), sinceMs };
    return await this.#connection.call(scripts.lookShard, keys, args, [], options);
  }

  /** How many tasks are due before each of some instants, INSTANTS_MAX of them at most; those on the runway are left out. */
  async dueBefore(keys: ShardKeys, instantsMs: readonly number[], options = within()) {
    const args = { nowMs: this.#time() };
    return await this.#connection.call(scripts.dueBefore, keys, args, instantsMs, options);
  }

  // Serving

  /** @param tidies whether to see to what can wait as well */
  async tick(keys: ShardKeys, epoch: string, tidies: boolean, options: CallOptions) {
    const args = { nowMs: this.#time(), epoch, leaseMaxMs: LEASE_MAX_MS, tidies: tidies ? 1 : 0 };
    return await this.#connection.call(scripts.tick, keys, args, [], options);
  }

  async takeShard(keys: ShardKeys, scheduler: string, seenEpoch: string, options: CallOptions) {
    const args = { nowMs: this.#time(), scheduler, seenEpoch };
    return await this.#connection.call(scripts.takeShard, keys, args, [], options);
  }

  async leaveShard(keys: ShardKeys, member: string, options: CallOptions): Promise<void> {
    await this.#connection.call(scripts.leaveShard, keys, { member }, [], options);
  }

  async claim(
    keys: ShardKeys,
    request: ClaimRequest,
    options: CallOptions,
  ): Promise<ReplyOf<typeof scripts.claim.definition>> {
    return await this.#connection.call(scripts.claim, keys, { nowMs: this.#time(), ...request }, [], options);
  }

  /** Answers with the indexes of those that were refused, first among the acks, then among the other items. */
  async settle(
    keys: ShardKeys,
    acks: readonly Held[],
    items: readonly Arg[],
    callId: string,
    options: CallOptions,
  ) {
    const args = { nowMs: this.#time(), callId, acks: acks.length };
    const all = [...ackRuns(acks), ...items];
    return (await this.#connection.call(scripts.settle, keys, args, all, options)).refused;
  }

  async extend(keys: ShardKeys, leaseMs: number, items: readonly Arg[], options: CallOptions) {
    const args = { nowMs: this.#time(), leaseMs };
    return (await this.#connection.call(scripts.extend, keys, args, items, options)).lost;
  }

  #meta(): string {
    return metaKey(this.namespace);
  }

  #once() {
    return { nowMs: this.#time(), callId: this.nextCallId() };
  }
}

/** How far a walk has come, as its last page said; a cursor means something only to the server that gave it. */
export interface WalkPlace {
  readonly cursor: string;
  readonly server: string;
}

export interface ClaimRequest {
  readonly worker: string;
  readonly number: number;
  readonly leaseMs: number;
  readonly count: number;
}

/** What a worker says of a lease that it ends. */
export interface Held {
  readonly id: string;
  readonly fence: string;
}

/** The tasks of one claim stand together and name its fence once. */
export function ackRuns(acks: readonly Held[]): Arg[] {
  const args: Arg[] = [];
  let countAt = 0;
  acks.forEach(({ id, fence }, i) => {
    if (fence !== acks[i - 1]?.fence) {
      countAt = args.push(fence, 0) - 1;
    }
    args[countAt] = Number(args[countAt]) + 1;
    args.push(id);
  });
  return args;
}

/** One ZSET that `list` pages through, or the part of it that is due or is not. */
export interface PageSource {
  readonly scored: string;
  readonly range: "all" | "due" | "later";
}

/** The structures that hold the tasks of a state, but for the runway. */
export function pageSources(keys: ShardKeys, state: TaskState, levels: readonly number[]): PageSource[] {
  switch (state) {
    case "delayed":
      return levels.map((level) => ({ scored: keys.due[level] ?? "", range: "later" }));
    case "ready":
      return levels.map((level) => ({ scored: keys.due[level] ?? "", range: "due" }));
    case "leased":
    case "dead":
    case "done":
      return [{ scored: keys[state], range: "all" }];
  }
}

/** How a script takes a due time. */
export const encodeDue = (due: Due): string => ("delay" in due ? `+${due.delay}` : String(due.atMs));

/** The usual bound of a call. */
export const within = (ms = CALL_MS, signal?: AbortSignal): CallOptions => ({
  deadlineMs: performance.now() + ms,
  ...(signal !== undefined && { signal }),
});

/** The same for a call that replicas confirm, where it is asked for. */
export const confirmedWithin = (confirmation: Confirmation | undefined, ms = CALL_MS): CallOptions => ({
  deadlineMs: performance.now() + ms,
  confirmation,
});

/** The Redis clock, in epoch ms. */
export async function readTimeMs(connection: Connection, options = within()): Promise<number> {
  const [seconds, micros] = (await connection.read("time", [], options)) as [string, string];
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}

/** The registry: which queues there are, and their numbers of shards. */
export async function readQueues(
  connection: Connection,
  prefix: string,
  options = within(),
): Promise<Map<string, number>> {
  const flat = pairs(await connection.read("hgetall", [queuesKey(prefix)], options));
  return new Map([...flat].map(([queue, shards]) => [queue, Number(shards)]));
}

/** The numbers of shards of some queues; a queue that is not there (yet) is left out. */
export async function readShardCounts(
  connection: Connection,
  prefix: string,
  queues: readonly string[],
  options = within(),
): Promise<Map<string, number>> {
  const counts = (await connection.read("hmget", [queuesKey(prefix), ...queues], options)) as (
    | string
    | null
  )[];
  const known = queues.map((queue, i) => [queue, Number(counts[i] ?? 0)] as const);
  return new Map(known.filter(([, shards]) => shards > 0));
}

/** A hash, or members with their scores, as the client gives it: flat from Redis 6's protocol, an object from ioredis' own commands. */
export function pairs(reply: unknown): Map<string, string> {
  if (!Array.isArray(reply)) return new Map(Object.entries((reply ?? {}) as Record<string, string>));
  const flat = reply as string[];
  return new Map(
    Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i] ?? "", flat[2 * i + 1] ?? ""]),
  );
}
