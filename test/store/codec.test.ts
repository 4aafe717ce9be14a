import { readFileSync } from "node:fs";
import fc from "fast-check";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { KEPT_DEFAULTS, type KeptOptions } from "../../src/core/options.ts";
import type { Due } from "../../src/core/options.ts";
import type { TraceContext } from "../../src/core/trace-context.ts";
import { decodeFacts, decodeLease, decodeRecord, encodeHead, encodeRecord } from "../../src/store/codec.ts";

/**
 * TypeScript writes the head of a record, Lua puts the times in and finds its way through it, TypeScript reads all of it:
 * both must know the same layout.
 */
const library = (name: string): string =>
  readFileSync(new URL(`../../lua/lib/${name}.lua`, import.meta.url), "utf8");
const LIBRARIES = library("clock") + library("record");

let redis: Redis;
beforeAll(() => {
  redis = new Redis(inject("redisUrl"), { maxRetriesPerRequest: 0 });
});
afterAll(() => redis.disconnect());

const STAMP = `${LIBRARIES}
local record = packTime(tonumber(ARGV[2])) .. ARGV[1]
local _, _, dueAtMs = factsOf(record, nil)
return { record, levelOf(record), whole(dueAtMs), payloadAt(record) }`;

/** What the script makes of what a producer sends. */
async function stamp(text: string, addedAtMs: number) {
  const reply = await redis.callBuffer("eval", STAMP, 0, text, addedAtMs);
  const [record, level, due, payloadAt] = reply as [Buffer, number, Buffer, number];
  return { record, level, due: Number(due.toString()), payload: record.subarray(payloadAt - 1).toString() };
}

const TIME_MAX_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const time = () => fc.integer({ min: 0, max: TIME_MAX_MS });
const due = (): fc.Arbitrary<Due> =>
  fc.oneof(
    time().map((delay) => ({ delay })),
    time().map((atMs) => ({ atMs })),
  );
const name = () =>
  fc
    .string({ unit: "binary", minLength: 1, maxLength: 256 })
    .filter((text) => Buffer.byteLength(text) <= 256 && text.isWellFormed());
const overrides = (): fc.Arbitrary<Partial<KeptOptions> | undefined> =>
  fc.option(
    fc.record(
      {
        attempts: fc.integer({ min: 1, max: 1_000_000 }),
        deathsMax: fc.integer({ min: 1, max: 1000 }),
        timeoutMs: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
        expireMs: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
        backoff: fc.constant(KEPT_DEFAULTS.backoff),
      },
      { requiredKeys: [] },
    ),
    { nil: undefined },
  );

const trace = (): fc.Arbitrary<TraceContext | undefined> =>
  fc.option(
    fc.record(
      {
        traceparent: fc.constant("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        tracestate: fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 512 }),
      },
      { requiredKeys: ["traceparent"] },
    ),
    { nil: undefined },
  );

describe("a record", () => {
  test("comes back as it was written, whatever it holds", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 0, max: 9 }),
        name(),
        overrides(),
        trace(),
        fc.jsonValue(),
        time(),
        due(),
        async (profile, priority, name, overrides, trace, data, addedAtMs, due) => {
          const payload = JSON.stringify(data);
          const own = trace === undefined ? overrides : { ...overrides, ...trace };
          const text = encodeRecord(encodeHead(profile, priority, name, own), due, payload);
          const stamped = await stamp(text, addedAtMs);
          const dueAtMs = "delay" in due ? addedAtMs + due.delay : due.atMs;
          expect(decodeRecord(stamped.record)).toEqual({
            profile,
            priority,
            addedAtMs,
            dueAtMs,
            name,
            // None that holds nothing comes back from beside a trace.
            overrides:
              trace !== undefined && Object.keys(overrides ?? {}).length === 0 ? undefined : overrides,
            trace,
            payload,
          });
          expect(stamped).toMatchObject({ level: priority, due: dueAtMs, payload });
        },
      ),
      { numRuns: 300 },
    );
  });

  test.each([
    { of: "one byte a character", name: "n".repeat(256) },
    { of: "two bytes", name: "é".repeat(128) },
    { of: "three bytes", name: `${"€".repeat(85)}x` },
    { of: "four bytes", name: "😀".repeat(64) },
  ])("takes a name of 256 bytes, of $of a character", async ({ name }) => {
    expect(Buffer.byteLength(name)).toBe(256);
    const overrides = { attempts: 3 };
    const { record, payload } = await stamp(
      encodeRecord(encodeHead(129, 9, name, overrides), { delay: 1 }, '"ü"'),
      1,
    );
    expect(payload).toBe('"ü"');
    expect(decodeRecord(record)).toEqual({
      profile: 129,
      priority: 9,
      addedAtMs: 1,
      dueAtMs: 2,
      name,
      overrides,
      payload: '"ü"',
    });
  });

  test("costs 19 bytes beside name and payload", async () => {
    const { record } = await stamp(encodeRecord(encodeHead(1, 0, "mail"), { delay: 1 }, "{}"), 1);
    expect(record).toHaveLength(19 + "mail".length + "{}".length);
  });

  test("costs 75 bytes more with a trace", async () => {
    const traced = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    const { record } = await stamp(encodeRecord(encodeHead(1, 0, "mail", traced), { delay: 1 }, "{}"), 1);
    expect(record).toHaveLength(19 + "mail".length + "{}".length + 75);
  });

  test("with a trace that is no text has none", async () => {
    const read = async (bad: object) => {
      const head = encodeHead(1, 0, "mail", { attempts: 9, ...bad });
      return decodeRecord((await stamp(encodeRecord(head, { delay: 1 }, "{}"), 1)).record);
    };
    const overrides = { attempts: 9 };
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    expect(await read({ traceparent: null })).toMatchObject({ overrides, trace: undefined });
    expect(await read({ tracestate: "v=1" })).toMatchObject({ overrides, trace: undefined });
    const { trace } = await read({ traceparent, tracestate: 5 });
    expect(trace).toEqual({ traceparent });
  });

  test("of a newer format is refused", async () => {
    const { record } = await stamp(encodeRecord(encodeHead(1, 0, "mail"), { delay: 1 }, "{}"), 1);
    record[6] = "2".charCodeAt(0);
    expect(() => decodeRecord(record)).toThrow(
      expect.objectContaining({
        code: "DELAYQ_NEWER_FORMAT",
        message: expect.stringContaining("got format 2") as string,
      }),
    );
  });
});

describe("the limits of a task", () => {
  const LIMITS = `${LIBRARIES}
redis.call("HSET", KEYS[1], "profile:" .. ARGV[2], ARGV[3])
local attempts, deaths = limitsOf(packTime(0) .. ARGV[1], KEYS[1])
redis.call("DEL", KEYS[1])
return { tostring(attempts), tostring(deaths) }`;
  const limits = async (profile: object, overrides?: Partial<KeptOptions>): Promise<unknown> =>
    await redis.eval(
      LIMITS,
      1,
      `limits${process.pid}`,
      encodeRecord(encodeHead(300, 1, "é", overrides), { delay: 0 }, "{}"),
      300,
      JSON.stringify(profile),
    );

  test("are those of its profile, each unless it has its own", async () => {
    const profile = { attempts: 4, deathsMax: 5 };
    expect(await limits(profile)).toEqual(["4", "5"]);
    expect(await limits(profile, { attempts: 7 })).toEqual(["7", "5"]);
    expect(await limits(profile, { deathsMax: 8 })).toEqual(["4", "8"]);
    expect(await limits(profile, { timeoutMs: 8 })).toEqual(["4", "5"]);
    expect(await limits(profile, { attempts: 1, deathsMax: 1 })).toEqual(["1", "1"]);
  });

  test("do not exist where neither tells", async () => {
    expect(await limits({})).toEqual(["inf", "inf"]);
  });
});

describe("facts and leases", () => {
  test("are read as they are written", () => {
    expect(decodeFacts("")).toEqual({ attempts: 0, deaths: 0, dueAtMs: 0 });
    expect(decodeFacts("3:1:1700000000000")).toEqual({
      attempts: 3,
      deaths: 1,
      dueAtMs: 1_700_000_000_000,
    });
    expect(decodeLease("")).toBeUndefined();
    expect(decodeLease("1700000000000000 1700000000001 w-_1")).toEqual({
      fence: 1_700_000_000_000_000,
      startedAtMs: 1_700_000_000_001,
      worker: "w-_1",
    });
  });
});
