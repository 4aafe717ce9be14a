import calculateSlot from "cluster-key-slot";

/**
 * The names of all keys. A shard's keys carry one hash tag, `{queue:shard:salt}`, so they live in one cluster slot. The salt
 * is the smallest number for which shard i of n falls into the i-th of n equal bands of the 16384 slots: shards spread
 * evenly over masters by construction.
 */
const SLOTS = 16_384;
export const LEVELS = 10;

const SINGLE_KEYS = [
  "tasks",
  "more",
  "leased",
  "leases",
  "dead",
  "done",
  "errors",
  "results",
  "ctl",
  "seq",
  "stats",
  "calls",
  "answers",
  "waiting",
] as const;

type SingleKey = (typeof SINGLE_KEYS)[number];

/** Where a queue's names begin; all of it that is not in shards. */
export interface Namespace {
  readonly prefix: string;
  readonly queue: string;
}

/** The keys of one shard; `due` and `ready` have one a level, `keys` is all of them. */
export type ShardKeys = Readonly<
  Record<SingleKey, string> & Record<"due" | "ready" | "keys", readonly string[]>
> & {
  readonly shard: number;
};

export function saltOf(queue: string, shard: number, shards: number): number {
  const first = Math.ceil((shard * SLOTS) / shards);
  const last = Math.ceil(((shard + 1) * SLOTS) / shards) - 1;
  for (let salt = 0; ; salt++) {
    const slot = calculateSlot(`${queue}:${shard}:${salt}`);
    if (slot >= first && slot <= last) return salt;
  }
}

export function shardKeys({ prefix, queue }: Namespace, shard: number, shards: number): ShardKeys {
  const tag = `${prefix}:{${queue}:${shard}:${saltOf(queue, shard, shards)}}`;
  const levels = Array.from({ length: LEVELS }, (_, level) => level);
  const due = levels.map((level) => `${tag}:due:${level}`);
  const ready = levels.map((level) => `${tag}:ready:${level}`);
  const single = Object.fromEntries(SINGLE_KEYS.map((key) => [key, `${tag}:${key}`])) as Record<
    SingleKey,
    string
  >;
  return { ...single, shard, due, ready, keys: [...due, ...ready, ...Object.values(single)] };
}

export const metaKey = ({ prefix, queue }: Namespace): string => `${prefix}:{${queue}}:meta`;
export const queuesKey = (prefix: string): string => `${prefix}:queues`;
export const membersKey = (prefix: string): string => `${prefix}:members`;
/** In the slot of `membersKey`. */
export const memberFactsKey = (prefix: string): string => `{${prefix}:members}:facts`;

/** The channel on which a shard's scheduler hears of a new head: in how many ms it is due. */
export const headChannel = (keys: ShardKeys): string => keys.due[0] ?? "";
/** The channel on which an idle worker hears of due tasks in a shard. */
export const wakeChannel = (keys: ShardKeys, worker: string): string => `${keys.waiting}:${worker}`;
/** The channel on which schedulers hear that the members changed. */
export const membersChannel = (prefix: string): string => membersKey(prefix);
