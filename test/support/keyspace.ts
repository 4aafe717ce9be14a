import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { expect, inject, onTestFinished } from "vitest";
import { KEPT_DEFAULTS, type KeptOptions } from "../../src/core/options.ts";
import { decodeRecord, encodeHead, encodeRecord } from "../../src/store/codec.ts";
import { Connection, type KeySource } from "../../src/store/connection.ts";
import {
  LEVELS,
  memberFactsKey,
  membersKey,
  metaKey,
  queuesKey,
  type ShardKeys,
} from "../../src/store/keys.ts";
import { QueueStore, within } from "../../src/store/queue-store.ts";
import type { Arg, ArgsOf, ReplyOf, Script, ScriptDefinition } from "../../src/store/script.ts";
import * as scripts from "../../src/store/scripts.ts";

/**
 * A queue of its own for one test, on a clock that stands still until the test moves it, and a readable picture of every
 * key it has. A test seeds by running scripts, then compares what one more script changed: `changes` leaves out what is as
 * it was, so that what is not expected to change need not be listed and is compared all the same.
 *
 * When the test ends, every shard must be sound (see `faultsOf`), and nothing is left open.
 */
export const NOW = 1_700_000_000_000;
/** The fence, epoch or generation that a script gives at `ms` when the last one lies behind. */
export const microseconds = (ms: number): string => String(ms * 1000);
/** Stands where a field was before and is not now. */
export const GONE = "(gone)";

/** Key -> its content: fields of a hash, scores of a zset, or a list. */
export type Snapshot = Record<string, Record<string, unknown> | string[]>;

export interface Seed {
  readonly id: string;
  readonly name?: string;
  readonly delay?: number;
  readonly at?: number;
  readonly priority?: number;
  readonly overrides?: Partial<KeptOptions>;
  /** JSON. */
  readonly payload?: string;
  readonly profile?: number;
}

export interface KeyspaceOptions {
  readonly url?: string;
  readonly shards?: number;
  readonly defaults?: Partial<KeptOptions>;
  /** Without, the queue is not there yet. */
  readonly isRegistered?: boolean;
}

/** What `add` takes. Tasks are due at once unless they say otherwise. */
export const addItems = (seeds: readonly Seed[]): Arg[] =>
  seeds.flatMap(({ id, name = "mail", delay, at, priority = 0, overrides, payload = "{}", profile = 1 }) => [
    id,
    encodeRecord(
      encodeHead(profile, priority, name, overrides),
      at === undefined ? { delay: delay ?? 0 } : { atMs: at },
      payload,
    ),
  ]);

export async function openKeyspace(options: KeyspaceOptions = {}): Promise<Keyspace> {
  const keyspace = new Keyspace(options.url ?? inject("redisUrl"), options.shards ?? 1);
  onTestFinished(async () => {
    try {
      expect(await keyspace.faults()).toEqual([]);
    } finally {
      keyspace.close();
    }
  });
  if (options.isRegistered !== false) await keyspace.register(options.defaults);
  return keyspace;
}

export class Keyspace {
  readonly prefix = `t${randomBytes(8).toString("hex")}`;
  readonly clock = { nowMs: NOW };
  readonly connection: Connection;
  readonly redis: Redis;
  readonly store: QueueStore;
  readonly shards: readonly ShardKeys[];
  readonly keys: ShardKeys & { meta: string; queues: string; members: string; facts: string };
  readonly #names = new Map<string, string>();
  #calls = 0;
  readonly #claims = new Map<string, number>();

  constructor(url: string, shards: number) {
    const namespace = { prefix: this.prefix, queue: "mails" };
    this.connection = Connection.acquire(url);
    this.redis = new Redis(url, { maxRetriesPerRequest: 0 });
    this.store = new QueueStore(this.connection, namespace, () => String(this.clock.nowMs));
    this.shards = this.store.shards(shards);
    const outside = {
      meta: metaKey(namespace),
      queues: queuesKey(this.prefix),
      members: membersKey(this.prefix),
      facts: memberFactsKey(this.prefix),
    };
    this.keys = { ...(this.shards[0] as ShardKeys), ...outside };
    for (const [name, key] of Object.entries(outside)) this.#names.set(key, name);
    for (const { shard, keys } of this.shards)
      for (const key of keys)
        this.#names.set(key, `${shardMark(shard)}${key.slice(key.indexOf("}:") + "}:".length)}`);
  }

  get nowMs(): number {
    return this.clock.nowMs;
  }

  advance(ms: number): void {
    this.clock.nowMs += ms;
  }

  close(): void {
    this.redis.disconnect();
    this.connection.release();
  }

  /** Runs a script on shard 0. The time, and a call id (c1, c2 ...) where none is given, are filled in. */
  async run<D extends ScriptDefinition>(
    script: Script<D>,
    args: Partial<ArgsOf<D>> = {},
    items: readonly Arg[] = [],
    keys: KeySource = this.keys,
  ): Promise<ReplyOf<D>> {
    const filled: Record<string, Arg> = { nowMs: String(this.nowMs) };
    if (script.definition.args.includes("shards")) filled["shards"] = this.shards.length;
    if (script.definition.args.includes("callId") && !("callId" in args))
      filled["callId"] = `c${++this.#calls}`;
    const all = { ...filled, ...args } as ArgsOf<D>;
    return await this.connection.call(script, keys, all, items, within());
  }

  /** Meta and the copies of all shards. */
  async register(defaults: Partial<KeptOptions> = {}): Promise<void> {
    const profile = JSON.stringify({ ...KEPT_DEFAULTS, ...defaults });
    await this.store.register(this.shards.length, profile, within());
    await this.copyMeta();
  }

  async copyMeta(): Promise<void> {
    const meta = await this.store.readMeta();
    if (meta === undefined) throw new Error("Expected the queue to be registered.");
    // Under 1, 2, ... in the shards, which is how seeds name them.
    const profiles = new Map([...meta.profiles.values()].map((profile, i) => [i + 1, profile]));
    for (const keys of this.shards) await this.store.copyCtl(keys, { ...meta, profiles });
  }

  async pause(isPaused = true): Promise<void> {
    await this.store.setPaused(isPaused);
    await this.copyMeta();
  }

  async add(...seeds: Seed[]) {
    return await this.run(scripts.add, { profile: 1 }, addItems(seeds));
  }

  /** The next claim of a worker. */
  async claim(count = 10, worker = "w1", leaseMs = 1000) {
    const number = (this.#claims.get(worker) ?? 0) + 1;
    this.#claims.set(worker, number);
    return await this.run(scripts.claim, { worker, number, leaseMs, count });
  }

  /** Adds tasks that are due and leases them to w1. Returns the fence. */
  async lease(...seeds: Seed[]): Promise<string> {
    await this.add(...seeds);
    const reply = await this.claim(seeds.length);
    if (reply.word !== "CLAIMED" || reply.claimed.length !== seeds.length)
      throw new Error(`Expected ${seeds.length} tasks to be claimed, got ${JSON.stringify(reply)}.`);
    return reply.fence;
  }

  async settle(...items: Arg[]) {
    return await this.run(scripts.settle, { acks: 0 }, items);
  }

  /** Adds tasks that end up dead. */
  async bury(...seeds: Seed[]): Promise<void> {
    const fence = await this.lease(...seeds);
    await this.settle(...seeds.flatMap(({ id }) => ["bury", id, fence, 0, ERROR]));
  }

  /** Adds tasks that end up done, their result kept for 5 s. */
  async complete(...seeds: Seed[]): Promise<void> {
    const fence = await this.lease(...seeds);
    await this.settle(...seeds.flatMap(({ id }) => ["keep", id, fence, 5000, "42"]));
  }

  async takeShard(scheduler = "s1"): Promise<string> {
    const seenEpoch = (await this.redis.hget(this.keys.seq, "epoch")) ?? "0";
    const reply = await this.run(scripts.takeShard, { scheduler, seenEpoch });
    if (reply.word !== "TAKEN") throw new Error(`Expected the shard to be taken, got ${reply.word}.`);
    return reply.epoch;
  }

  async tick(epoch: string, tidies = true) {
    return await this.run(scripts.tick, { epoch, leaseMaxMs: 3_600_000, tidies: tidies ? 1 : 0 });
  }

  /** What is in all keys of the prefix now; shards but the first have their number before the name. */
  async snapshot(): Promise<Snapshot> {
    const dump = await this.redis.callBuffer("eval", DUMP, 0, `*${this.prefix}*`);
    const keys = dump as [Buffer, Buffer, Buffer[]][];
    return Object.fromEntries(
      keys
        .map(([key, type, value]) => {
          const name = this.#names.get(key.toString()) ?? key.toString();
          return [name, contentOf(name, type.toString(), value)] as const;
        })
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
  }

  /** What the keyspace differs in from what it was; an empty object if in nothing. */
  async changes(before: Snapshot): Promise<Snapshot> {
    return difference(before, await this.snapshot());
  }

  /** Runs something; returns its answer and what it changed. */
  async watch<T>(act: () => Promise<T>): Promise<{ reply: T; changes: Snapshot }> {
    const before = await this.snapshot();
    const reply = await act();
    return { reply, changes: await this.changes(before) };
  }

  /** What must never be so, in any shard. */
  async faults(): Promise<string[]> {
    const snapshot = await this.snapshot();
    return this.shards.flatMap(({ shard }) => faultsOf(snapshot, shardMark(shard)));
  }
}

export const ERROR = JSON.stringify({ name: "Error", message: "no" });

const shardMark = (shard: number): string => (shard === 0 ? "" : `${shard}/`);

/** Every key with its type and content, flat; the packed answers as JSON. */
const DUMP = `
local readers = {
  hash = function(key) return redis.call("HGETALL", key) end,
  zset = function(key) return redis.call("ZRANGE", key, 0, -1, "WITHSCORES") end,
  list = function(key) return redis.call("LRANGE", key, 0, -1) end,
  set = function(key) return redis.call("SMEMBERS", key) end,
  string = function(key) return { redis.call("GET", key) } end,
}
local dump = {}
for _, key in ipairs(redis.call("KEYS", ARGV[1])) do
  local kind = redis.call("TYPE", key).ok
  local value = readers[kind](key)
  if string.sub(key, -8) == ":answers" then
    for i = 2, #value, 2 do
      value[i] = cjson.encode(cmsgpack.unpack(value[i]))
    end
  end
  dump[#dump + 1] = { key, kind, value }
end
return dump`;

const TEXT_SHOWN = 300;

function textOf(bytes: Buffer): string {
  const text = bytes.toString();
  if (!Buffer.from(text).equals(bytes)) return `hex:${bytes.toString("hex")}`;
  return text.length <= TEXT_SHOWN ? text : `${text.slice(0, 20)}... (${text.length} characters)`;
}

function contentOf(name: string, type: string, value: readonly Buffer[]): Snapshot[string] {
  if (type !== "hash" && type !== "zset") return value.map(textOf);
  const fields: Record<string, unknown> = {};
  for (let at = 0; at < value.length; at += 2)
    fields[textOf(value[at] as Buffer)] = valueOf(name, type, value[at + 1] as Buffer);
  return fields;
}

function valueOf(name: string, type: string, bytes: Buffer): unknown {
  const text = textOf(bytes);
  if (type === "zset" || name.endsWith("stats")) return Number(text);
  if (name.endsWith("answers")) return JSON.parse(bytes.toString()) as unknown;
  if (name.endsWith("leases")) return text.trimEnd();
  const decoded = name.endsWith("tasks") ? readable(bytes) : undefined;
  if (decoded === undefined) return text;
  const { payload, overrides, trace, ...record } = decoded;
  return {
    ...record,
    ...(overrides !== undefined && { overrides }),
    ...(trace !== undefined && { trace }),
    payload: textOf(Buffer.from(payload)),
  };
}

/** Undefined of what a test has broken. */
function readable(bytes: Buffer): ReturnType<typeof decodeRecord> | undefined {
  try {
    return decodeRecord(bytes);
  } catch {
    return undefined;
  }
}

function difference(before: Snapshot, after: Snapshot): Snapshot {
  const changes: Snapshot = {};
  for (const key of [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted()) {
    const was = before[key] ?? {};
    const is = after[key] ?? {};
    if (JSON.stringify(was) === JSON.stringify(is)) continue;
    if (Array.isArray(was) || Array.isArray(is)) {
      changes[key] = Array.isArray(is) ? is : [];
      continue;
    }
    const fields: Record<string, unknown> = {};
    for (const field of new Set([...Object.keys(was), ...Object.keys(is)]))
      if (!(field in is)) fields[field] = GONE;
      else if (JSON.stringify(was[field]) !== JSON.stringify(is[field])) fields[field] = is[field];
    if (Object.keys(fields).length > 0) changes[key] = fields;
  }
  return changes;
}

const RUNWAY_MAX = 2000;
/** Counters of tasks that are not in a shard any more; done ones are within `completed`. */
const ENDED = ["completed", "cancelled", "purged", "expired"];

/** Each task is in exactly one place, each place has its record, nothing is left behind, and the counters add up. */
export function faultsOf(snapshot: Snapshot, mark = ""): string[] {
  const faults: string[] = [];
  const hash = (name: string): Record<string, unknown> =>
    (snapshot[mark + name] ?? {}) as Record<string, unknown>;
  const idsOf = (name: string): string[] => {
    const value = snapshot[mark + name] ?? {};
    return Array.isArray(value) ? value : Object.keys(value);
  };
  const places = new Map<string, string[]>();
  const pending = Array.from({ length: LEVELS }, (_, level) => [`due:${level}`, `ready:${level}`]).flat();
  for (const place of [...pending, "leased", "dead", "done"])
    for (const id of idsOf(place)) places.set(id, [...(places.get(id) ?? []), place]);

  const tasks = hash("tasks") as Record<string, { priority?: number }>;
  for (const id of Object.keys(tasks)) if (!places.has(id)) faults.push(`${id} has a record and no place`);
  for (const [id, at] of places) {
    if (at.length > 1) faults.push(`${id} is in ${at.join(" and ")}`);
    if (!(id in tasks)) faults.push(`${id} is in ${at.join(" and ")} and has no record`);
    const level = /^(?:due|ready):(\d)$/.exec(at[0] ?? "")?.[1];
    const priority = tasks[id]?.priority;
    if (level !== undefined && priority !== undefined && Number(level) !== priority)
      faults.push(`${id} is of priority ${priority} and in ${at[0]}`);
    if (level !== undefined && !String(hash("ctl")["levels"]).includes(level))
      faults.push(`${id} is in level ${level}, which is not in use`);
  }

  const within = (inner: string, outer: string): void => {
    const known = new Set(idsOf(outer));
    for (const id of idsOf(inner)) if (!known.has(id)) faults.push(`${id} is in ${inner}, not in ${outer}`);
  };
  for (const [inner, outer] of [
    ["more", "tasks"],
    ["errors", "tasks"],
    ["leases", "leased"],
    ["leased", "leases"],
    ["results", "done"],
    ["done", "results"],
    ["answers", "calls"],
  ] as const)
    within(inner, outer);
  for (const runway of pending.filter((place) => place.startsWith("ready")))
    if (idsOf(runway).length > RUNWAY_MAX) faults.push(`${runway} is longer than ${RUNWAY_MAX}`);

  const stats = hash("stats") as Record<string, number>;
  const ended = ENDED.reduce((sum, counter) => sum + (stats[counter] ?? 0), 0);
  const here = [...pending, "leased", "dead"].reduce((sum, place) => sum + idsOf(place).length, 0);
  const added = stats["added"] ?? 0;
  if (added !== ended + here) faults.push(`${added} were added, ${ended} have ended, ${here} are here`);
  return faults;
}
