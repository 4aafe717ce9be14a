import { randomFillSync } from "node:crypto";
import { hash32 } from "./hash.ts";

/**
 * Routing is a pure function of an id's text: the id gives a bucket, the bucket gives the shard. So every verb finds a
 * task by its id alone, and a queue can be restored onto another number of shards.
 *
 * A generated id is 20 characters: `_`, its bucket (2), the producer's time in ms (8), randomness (9), each in an
 * alphabet of 64 that sorts as its values do. Any other text is hashed to its bucket.
 */
const ALPHABET = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
const VALUES = new Map(Array.from(ALPHABET, (char, value) => [char, value] as const));
const MARK = "_";
const GENERATED = /^_[-0-9A-Z_a-z]{19}$/;
const RANDOM_CHARS = 9;

export const BUCKETS = 4096;

const pool = Buffer.alloc(RANDOM_CHARS * 512);
let poolAt = pool.length;

function randomText(): string {
  if (poolAt === pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  let text = "";
  for (const end = poolAt + RANDOM_CHARS; poolAt < end; poolAt++) text += ALPHABET[(pool[poolAt] ?? 0) & 63];
  return text;
}

function timeText(nowMs: number): string {
  let text = "";
  let rest = nowMs;
  for (let i = 0; i < 8; i++) {
    text = `${ALPHABET[rest % 64] ?? ""}${text}`;
    rest = Math.floor(rest / 64);
  }
  return text;
}

let lastMs = -1;
let lastTimeText = "";

/** Makes ids one after another: reuses the text of a millisecond, which most ids of a batch share. */
export function generateId(bucket: number, nowMs: number): string {
  if (nowMs !== lastMs) {
    lastMs = nowMs;
    lastTimeText = timeText(nowMs);
  }
  return `${MARK}${ALPHABET[bucket >> 6] ?? ""}${ALPHABET[bucket & 63] ?? ""}${lastTimeText}${randomText()}`;
}

export function bucketOf(id: string): number {
  if (id.length === 20 && GENERATED.test(id)) {
    return ((VALUES.get(id.charAt(1)) ?? 0) << 6) | (VALUES.get(id.charAt(2)) ?? 0);
  }
  return hash32(id) & (BUCKETS - 1);
}

export function shardOf(id: string, shards: number): number {
  return bucketOf(id) % shards;
}

/** A random bucket among those that belong to the shard. */
export function bucketOfShard(shard: number, shards: number): number {
  const buckets = Math.ceil((BUCKETS - shard) / shards);
  return shard + shards * Math.floor(Math.random() * buckets);
}

/** Names a process' role in Redis: short, unique, without colons. */
export function memberId(): string {
  return randomText() + randomText().slice(0, 3);
}
