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

/** All texts of two characters, by their value. */
const PAIRS = Array.from({ length: 64 * 64 }, (_, value) => charAt(value >> 6) + charAt(value));
/** Of each number the lowest twelve bits are a pair. */
const pool = new Uint16Array(5 * 1024);
let poolAt = pool.length;

function charAt(value: number): string {
  return ALPHABET[value & 63] ?? "";
}

function randomPair(): string {
  return PAIRS[(pool[poolAt++] ?? 0) & 4095] ?? "";
}

/** RANDOM_CHARS characters. */
function randomText(): string {
  if (poolAt === pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  return randomPair() + randomPair() + randomPair() + randomPair() + charAt(pool[poolAt++] ?? 0);
}

function charsOf(value: number, chars: number): string {
  let text = "";
  let rest = value;
  for (let i = 0; i < chars; i++) {
    text = `${ALPHABET[rest % 64] ?? ""}${text}`;
    rest = Math.floor(rest / 64);
  }
  return text;
}

const timeText = (nowMs: number): string => charsOf(nowMs, 8);

function valueOf(chars: string): number {
  let value = 0;
  for (const char of chars) value = value * 64 + (VALUES.get(char) ?? 0);
  return value;
}

let lastMs = -1;
let lastTimeText = "";

/** Makes ids one after another: reuses the text of a millisecond, which most ids of a batch share. */
export function generateId(bucket: number, nowMs: number): string {
  if (nowMs !== lastMs) {
    lastMs = nowMs;
    lastTimeText = timeText(nowMs);
  }
  return MARK + (PAIRS[bucket] ?? "") + lastTimeText + randomText();
}

const SERIES = /^[-0-9A-Z_a-z]{17}$/;
const LOW_CHARS = 5;
const LOW = 64 ** LOW_CHARS;
const HIGH = 64 ** (RANDOM_CHARS - LOW_CHARS);
/** So that one script call takes as many neighbours as it may. */
const NEIGHBOURS = 200;

/**
 * Generated ids that are the same whenever they are made again: for what breaks off and goes on later. It is named by
 * its text, 17 characters: when it began, and randomness.
 */
export class IdSeries {
  readonly text: string;
  readonly #time: string;
  readonly #high: number;
  readonly #low: number;

  private constructor(text: string) {
    this.text = text;
    this.#time = text.slice(0, -RANDOM_CHARS);
    this.#high = valueOf(text.slice(-RANDOM_CHARS, -LOW_CHARS));
    this.#low = valueOf(text.slice(-LOW_CHARS));
  }

  static begin(nowMs: number): IdSeries {
    return new IdSeries(timeText(nowMs) + randomText());
  }

  /** undefined for what names no series */
  static parse(text: string): IdSeries | undefined {
    return SERIES.test(text) ? new IdSeries(text) : undefined;
  }

  get beganMs(): number {
    return valueOf(this.#time);
  }

  /** @param n from 0; neighbours share a bucket */
  id(n: number): string {
    const low = this.#low + n;
    const high = (this.#high + Math.floor(low / LOW)) % HIGH;
    const bucket = (this.#high + Math.floor(n / NEIGHBOURS)) % BUCKETS;
    return (
      MARK +
      charsOf(bucket, 2) +
      this.#time +
      charsOf(high, RANDOM_CHARS - LOW_CHARS) +
      charsOf(low % LOW, LOW_CHARS)
    );
  }
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
