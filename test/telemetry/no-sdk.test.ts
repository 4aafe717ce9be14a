import { ROOT_CONTEXT, TraceFlags, context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { Redis } from "ioredis";
import { expect, inject, onTestFinished, test } from "vitest";
import { decodeRecord, encodeHead, encodeRecord } from "../../src/store/codec.ts";
import { currentInstruments, currentTracer } from "../../src/telemetry/open-telemetry.ts";
import { Runs } from "../../src/telemetry/runs.ts";
import { Sends } from "../../src/telemetry/sends.ts";
import { setup } from "../support/fixture.ts";

const unexpected = (error: unknown): never => {
  throw error;
};

async function recordOf(prefix: string): Promise<Buffer> {
  const redis = new Redis(inject("redisUrl"));
  onTestFinished(() => redis.disconnect());
  const [key = ""] = await redis.keys(`${prefix}:*:tasks`);
  const [record] = await redis.hvalsBuffer(key);
  return record ?? Buffer.alloc(0);
}

test("without an SDK a task takes no byte more, and nothing is made for it", async () => {
  const { base, queue } = setup();
  await queue().add("mail", { a: 1 }, { delay: 60_000 });
  const record = await recordOf(base.prefix);
  const { profile } = decodeRecord(record);
  const plain = encodeRecord(encodeHead(profile, 0, "mail"), { delay: 60_000 }, '{"a":1}');
  expect(record.subarray(6).toString("latin1")).toBe(plain);

  const place = { queue: "q", worker: "w", server: undefined, onError: unexpected };
  expect(currentTracer()).toBeUndefined();
  expect(currentInstruments()).toBeUndefined();
  expect(new Sends(place).begin("add", 1, "mail")).toBeUndefined();
  const runs = new Runs(place);
  runs.look();
  const times = { dueAtMs: 0, addedAtMs: 0, attempt: 1, priority: 0 };
  const task = { id: "1", queue: "q", shard: 0, name: "mail", data: 1, state: "leased" as const, ...times };
  expect(runs.begin(task, undefined)).toBeUndefined();
});

test("without an SDK the trace of whoever adds is passed on all the same", async () => {
  const { base, queue } = setup();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  onTestFinished(() => context.disable());
  const spanContext = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    traceFlags: TraceFlags.SAMPLED,
  };
  const request = trace.setSpanContext(ROOT_CONTEXT, spanContext);
  await context.with(request, async () => await queue().add("n", 1, { delay: 60_000 }));
  expect(decodeRecord(await recordOf(base.prefix)).trace).toEqual({
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  });
});

test("an SDK that is registered later is found", async () => {
  const { startTracing } = await import("./sdk.ts");
  expect(currentTracer()).toBeUndefined();
  startTracing();
  expect(currentTracer()).toBeDefined();
});
