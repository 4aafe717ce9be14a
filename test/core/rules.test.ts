import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backoffDelayMs } from "../../src/core/backoff.ts";
import { RetryLater, UnrecoverableError } from "../../src/core/errors.ts";
import { describeFailure } from "../../src/core/failure.ts";
import { BUCKETS, bucketOf, bucketOfShard, generateId, IdSeries, shardOf } from "../../src/core/ids.ts";
import { KEPT_DEFAULTS, parseDefaults } from "../../src/core/options.ts";
import { isExpired, verdictOnFailure, verdictOnResult } from "../../src/core/verdict.ts";

describe("backoff", () => {
  const fixed = { type: "fixed", delay: 100, maxDelayMs: 86_400_000, jitter: 0 } as const;
  const exponential = { ...fixed, type: "exponential" } as const;

  test("fixed waits the same each time, exponential doubles", () => {
    expect([1, 2, 3, 10].map((attempt) => backoffDelayMs(fixed, attempt, 0))).toEqual([100, 100, 100, 100]);
    expect([1, 2, 3, 10].map((attempt) => backoffDelayMs(exponential, attempt, 0))).toEqual([
      100, 200, 400, 51_200,
    ]);
  });

  test("never exceeds its ceiling, and jitter only shortens, within its share", () => {
    const attempts = fc.integer({ min: 1, max: 1_000_000 });
    fc.assert(
      fc.property(
        attempts,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempt, jitter, random) => {
          const backoff = { ...exponential, maxDelayMs: 5000, jitter };
          const full = backoffDelayMs({ ...backoff, jitter: 0 }, attempt, random);
          const delay = backoffDelayMs(backoff, attempt, random);
          expect(full).toBeLessThanOrEqual(5000);
          expect(delay).toBeLessThanOrEqual(full);
          expect(delay).toBeGreaterThanOrEqual(Math.floor(full * (1 - jitter)));
        },
      ),
    );
  });
});

describe("ids", () => {
  test("a generated id is 20 characters and leads back to its bucket, in every number of shards", () => {
    const shards = fc.integer({ min: 1, max: 1024 });
    fc.assert(
      fc.property(shards, fc.nat(1023), fc.integer({ min: 0, max: 2 ** 47 }), (count, seed, nowMs) => {
        const shard = seed % count;
        const bucket = bucketOfShard(shard, count);
        const id = generateId(bucket, nowMs);
        expect(id).toMatch(/^_[-0-9A-Z_a-z]{19}$/);
        expect(bucketOf(id)).toBe(bucket);
        expect(shardOf(id, count)).toBe(shard);
      }),
    );
  });

  test("any other text has a bucket too, and many spread evenly", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (id) => {
        expect(bucketOf(id)).toBe(bucketOf(id));
        expect(bucketOf(id)).toBeLessThan(BUCKETS);
      }),
    );
    const perShard = Array.from({ length: 16 }, () => 0);
    for (let i = 0; i < 16_000; i++) perShard[shardOf(`order-${i}`, 16)]! += 1;
    expect(Math.min(...perShard)).toBeGreaterThan(800);
    expect(Math.max(...perShard)).toBeLessThan(1200);
  });

  test("generated ids of one producer sort by time and do not repeat", () => {
    const ids = Array.from({ length: 10_000 }, (_, i) => generateId(5, 1_700_000_000_000 + i));
    expect(ids.map((id) => id.slice(3, 11)).toSorted()).toEqual(ids.map((id) => id.slice(3, 11)));
    expect(new Set(Array.from({ length: 100_000 }, () => generateId(5, 1))).size).toBe(100_000);
  });
});

describe("a failure's description", () => {
  test("never throws and stays within 4 KiB, whatever was thrown", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.string({ size: "xlarge" }).map((text) => new Error(text)),
        ),
        (thrown) => {
          const error = describeFailure(thrown);
          expect(Buffer.byteLength(JSON.stringify(error))).toBeLessThanOrEqual(4096);
          expect(typeof error.name).toBe("string");
          expect(typeof error.message).toBe("string");
        },
      ),
    );
  });

  test("keeps name, message and stack of an ordinary error", () => {
    expect(describeFailure(new TypeError("no such user"))).toMatchObject({
      name: "TypeError",
      message: "no such user",
      stack: expect.stringContaining("rules.test"),
    });
  });
});

describe("the verdict", () => {
  const kept = parseDefaults({ attempts: 3, backoff: { type: "exponential", delay: 10 } });

  test("is a retry while attempts are left, then the dead", () => {
    expect(verdictOnFailure(kept, 1, new Error("x"), 0)).toMatchObject({ kind: "retry", ms: 10 });
    expect(verdictOnFailure(kept, 2, new Error("x"), 0)).toMatchObject({ kind: "retry", ms: 20 });
    expect(verdictOnFailure(kept, 3, new Error("x"), 0)).toMatchObject({ kind: "bury" });
  });

  test("says whether the time was up", () => {
    expect(verdictOnFailure(kept, 1, new Error("x"), 0)).toMatchObject({ isTimedOut: false });
    expect(verdictOnFailure(kept, 1, new Error("x"), 0, true)).toMatchObject({
      kind: "retry",
      isTimedOut: true,
    });
    expect(verdictOnFailure(kept, 3, new Error("x"), 0, true)).toMatchObject({
      kind: "bury",
      isTimedOut: true,
    });
  });

  test("heeds what the handler threw", () => {
    expect(verdictOnFailure(kept, 1, new UnrecoverableError("x"), 0)).toMatchObject({ kind: "bury" });
    expect(verdictOnFailure(kept, 3, new RetryLater(50), 0)).toEqual({
      kind: "postpone",
      ms: 50,
      isUnhandled: false,
    });
    expect(verdictOnFailure(kept, 3, new RetryLater(Number.NaN), 0)).toEqual({
      kind: "postpone",
      ms: 0,
      isUnhandled: false,
    });
    expect(verdictOnFailure(kept, 3, new RetryLater(-5), 0)).toEqual({
      kind: "postpone",
      ms: 0,
      isUnhandled: false,
    });
  });

  test("keeps a result only where that was asked for", () => {
    expect(verdictOnResult(KEPT_DEFAULTS, 1)).toEqual({ kind: "ack" });
    expect(verdictOnResult({ ...KEPT_DEFAULTS, keepResultMs: 5 }, { a: 1 })).toEqual({
      kind: "keep",
      ms: 5,
      text: '{"a":1}',
    });
    expect(verdictOnResult({ ...KEPT_DEFAULTS, keepResultMs: 5 }, 10n)).toEqual({
      kind: "keep",
      ms: 5,
      text: "null",
    });
  });
});

describe("a task", () => {
  test("expires when more than its time has passed since it was due", () => {
    const kept = { ...KEPT_DEFAULTS, expireMs: 100 };
    expect(isExpired(kept, 1000, 900)).toBe(false);
    expect(isExpired(kept, 1000, 1100)).toBe(false);
    expect(isExpired(kept, 1000, 1101)).toBe(true);
  });

  test("never expires where that was not asked for", () => {
    expect(isExpired(KEPT_DEFAULTS, 0, Number.MAX_SAFE_INTEGER)).toBe(false);
  });
});

describe("a series of ids", () => {
  test("is the same when it is made again from its text", () => {
    const series = IdSeries.begin(1_700_000_000_123);
    const again = IdSeries.parse(series.text);
    expect(again?.beganMs).toBe(1_700_000_000_123);
    for (const n of [0, 1, 199, 200, 1e6, 2 ** 31]) expect(again?.id(n)).toBe(series.id(n));
  });

  test("holds ids as they are generated, each once, neighbours in one bucket", () => {
    const series = IdSeries.begin(Date.now());
    const ids = Array.from({ length: 100_000 }, (_, n) => series.id(n));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => /^_[-0-9A-Z_a-z]{19}$/.test(id))).toBe(true);
    const buckets = ids.map(bucketOf);
    expect(new Set(buckets.slice(0, 200)).size).toBe(1);
    expect(new Set(buckets).size).toBe(500);
  });

  test("overflows into its higher characters", () => {
    const series = IdSeries.parse(`${"-".repeat(8)}${"-".repeat(4)}zzzzz`);
    expect(series?.id(0).slice(-9)).toBe("----zzzzz");
    expect(series?.id(1).slice(-9)).toBe("---0-----");
  });

  test("is not made of other texts", () => {
    for (const text of ["", "a", "x".repeat(18), "x".repeat(16) + "+"])
      expect(IdSeries.parse(text)).toBeUndefined();
  });
});
