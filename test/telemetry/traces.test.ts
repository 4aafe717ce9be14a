import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  context,
  createTraceState,
  trace,
} from "@opentelemetry/api";
import { AlwaysOffSampler, ParentBasedSampler, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { Redis } from "ioredis";
import { pino } from "pino";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { RetryLater, UnrecoverableError } from "../../src/index.ts";
import { INSIDE } from "../../src/runtime/inside.ts";
import { decodeRecord } from "../../src/store/codec.ts";
import { traceFields } from "../../src/telemetry/log-fields.ts";
import { deferred, eventually, setup } from "../support/fixture.ts";
import { startTracing } from "./sdk.ts";

const contextOf = (span: ReadableSpan | undefined) => span?.spanContext();
const linkOf = (span: ReadableSpan | undefined) => span?.links.map(({ context }) => context)[0];
const outcomesOf = (spans: readonly ReadableSpan[]): unknown[] =>
  spans.map(({ attributes }) => attributes["delayq.task.outcome"]);

/** What is kept of a queue's tasks. */
async function recordsOf(prefix: string) {
  const redis = new Redis(inject("redisUrl"));
  onTestFinished(() => redis.disconnect());
  const keys = await redis.keys(`${prefix}:*:tasks`);
  const values = await Promise.all(keys.map(async (key) => await redis.hvalsBuffer(key)));
  return values.flat().map((bytes) => ({ bytes, ...decodeRecord(bytes) }));
}

describe("an add", () => {
  test("is a producer's span under the caller's, and its task keeps it", async () => {
    const { base, queue } = setup();
    const sdk = startTracing();
    const emails = queue({}, "emails");
    const task = await sdk.tracer.startActiveSpan("request", async (request) => {
      const added = await emails.add("welcome", { userId: 7 }, { delay: 60_000 });
      request.end();
      return added;
    });
    const [request] = sdk.named("request");
    const [span] = sdk.named("add emails");
    expect(span?.kind).toBe(SpanKind.PRODUCER);
    expect(span?.parentSpanContext?.spanId).toBe(contextOf(request)?.spanId);
    const { hostname, port } = new URL(inject("redisUrl"));
    expect(span?.attributes).toEqual({
      "messaging.system": "delayq",
      "messaging.system.name": "delayq",
      "messaging.operation.name": "add",
      "messaging.operation.type": "send",
      "messaging.destination.name": "emails",
      "messaging.destination.partition.id": String(task.shard),
      "messaging.message.id": task.id,
      "server.address": hostname,
      "server.port": Number(port),
      "delayq.task.name": "welcome",
    });
    const { traceId, spanId } = contextOf(span) ?? {};
    const [record] = await recordsOf(base.prefix);
    expect(record?.trace).toEqual({ traceparent: `00-${traceId}-${spanId}-01` });
    expect(record?.overrides).toBeUndefined();
  });

  test("of many is one span, which all of them keep", async () => {
    const { base, queue } = setup();
    const sdk = startTracing();
    const tasks = Array.from({ length: 300 }, (_, i) => ({ name: "n", data: i, opts: { delay: 60_000 } }));
    await queue().addBulk(tasks);
    const [span, ...others] = sdk.named("addBulk q");
    expect(others).toEqual([]);
    expect(span?.kind).toBe(SpanKind.PRODUCER);
    expect(span?.attributes["messaging.batch.message_count"]).toBe(300);
    expect(span?.attributes["messaging.message.id"]).toBeUndefined();
    const records = await recordsOf(base.prefix);
    expect(records).toHaveLength(300);
    const { traceId, spanId } = contextOf(span) ?? {};
    expect(new Set(records.map(({ trace }) => trace?.traceparent))).toEqual(
      new Set([`00-${traceId}-${spanId}-01`]),
    );
  });

  test("keeps its own options beside the trace, and the vendors' state with it", async () => {
    const { base, queue } = setup();
    startTracing(new ParentBasedSampler({ root: new AlwaysOffSampler() }));
    const spanContext = {
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      traceFlags: TraceFlags.SAMPLED,
      traceState: createTraceState('vendor=a"\\b'),
    };
    const request = trace.setSpanContext(ROOT_CONTEXT, spanContext);
    await context.with(request, async () => await queue().add("n", 1, { delay: 60_000, attempts: 9 }));
    const [record] = await recordsOf(base.prefix);
    expect(record?.overrides).toEqual({ attempts: 9 });
    expect(record?.trace?.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[\da-f]{16}-01$/);
    expect(record?.trace?.tracestate).toBe('vendor=a"\\b');
    expect(record?.payload).toBe("1");
  });

  test("leaves out a state that is longer than everybody must pass on", async () => {
    const { base, queue } = setup();
    startTracing(new ParentBasedSampler({ root: new AlwaysOffSampler() }));
    const members = Array.from({ length: 5 }, (_, i) => `v${i}=${"x".repeat(120)}`).join(",");
    const spanContext = {
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      traceFlags: TraceFlags.SAMPLED,
      traceState: createTraceState(members),
    };
    const request = trace.setSpanContext(ROOT_CONTEXT, spanContext);
    await context.with(request, async () => await queue().add("n", 1, { delay: 60_000 }));
    const [record] = await recordsOf(base.prefix);
    expect(Object.keys(record?.trace ?? {})).toEqual(["traceparent"]);
  });

  test("keeps nothing of a trace that nobody records", async () => {
    const { base, queue } = setup();
    startTracing(new AlwaysOffSampler());
    await queue().add("n", 1, { delay: 60_000 });
    const [record] = await recordsOf(base.prefix);
    expect(record?.trace).toBeUndefined();
    expect(record?.bytes.includes("traceparent")).toBe(false);
  });

  test("that fails says so by its code", async () => {
    const { queue } = setup();
    const sdk = startTracing();
    await expect(queue().add("n", 1n)).rejects.toThrow("to be JSON");
    const [span] = sdk.named("add q");
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
    expect(span?.attributes["error.type"]).toBe("DELAYQ_INVALID_DATA");
    expect(span?.events.map(({ name }) => name)).toEqual(["exception"]);
  });

  test("does not name what is no name", async () => {
    const { queue } = setup();
    const sdk = startTracing();
    await expect(queue().add("n".repeat(257), 1)).rejects.toThrow("1 to 256 bytes");
    expect(sdk.named("add q")[0]?.attributes).not.toHaveProperty("delayq.task.name");
  });

  test("of an id that is there says so", async () => {
    const { queue } = setup();
    const sdk = startTracing();
    const q = queue();
    await q.add("n", 1, { id: "one", delay: 60_000 });
    await q.add("n", 1, { id: "one", delay: 60_000 });
    expect(sdk.named("add q").map(({ attributes }) => attributes["delayq.task.existed"])).toEqual([
      undefined,
      true,
    ]);
  });
});

describe("a run", () => {
  test("begins a trace of its own, linked to the add, and what the handler does belongs to it", async () => {
    const { queue, worker } = setup();
    const sdk = startTracing();
    const q = queue();
    const emails = worker(async (task) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      sdk.tracer.startActiveSpan("sql", (span) => span.end());
      await q.add("next", task.id, { delay: 60_000 });
      return task.id;
    });
    const task = await sdk.tracer.startActiveSpan("request", async (request) => {
      const added = await q.add("first", 1);
      request.end();
      return added;
    });
    const [run] = await sdk.ended("process q");
    const [add, next] = sdk.named("add q");
    expect(run?.kind).toBe(SpanKind.CONSUMER);
    expect(run?.parentSpanContext).toBeUndefined();
    expect(contextOf(run)?.traceId).not.toBe(contextOf(add)?.traceId);
    expect(linkOf(run)).toMatchObject({ ...ids(add), isRemote: true, traceFlags: TraceFlags.SAMPLED });
    expect(run?.attributes).toMatchObject({
      "messaging.system": "delayq",
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.destination.name": "q",
      "messaging.destination.partition.id": String(task.shard),
      "messaging.message.id": task.id,
      "messaging.client.id": emails.id,
      "delayq.task.name": "first",
      "delayq.task.attempt": 1,
      "delayq.task.outcome": "completed",
    });
    expect(run?.attributes["delayq.task.lag_ms"]).toBeGreaterThanOrEqual(0);
    expect(run?.status.code).toBe(SpanStatusCode.UNSET);
    const [sql] = sdk.named("sql");
    expect(sql?.parentSpanContext?.spanId).toBe(contextOf(run)?.spanId);
    expect(next?.parentSpanContext?.spanId).toBe(contextOf(run)?.spanId);
  });

  test("of a task that was added without a trace has no link", async () => {
    const { queue, worker } = setup();
    const q = queue();
    await q.add("n", 1);
    const sdk = startTracing();
    worker(() => 1);
    const [run] = await sdk.ended("process q");
    expect(run?.links).toEqual([]);
  });

  test("of each attempt is linked to the same add, and says what came of it", async () => {
    const { queue, worker } = setup();
    const sdk = startTracing();
    const q = queue({ defaults: { attempts: 3, backoff: { type: "fixed", delay: 1 } } });
    worker(({ attempt }) => {
      throw attempt === 1 ? new TypeError("no") : new UnrecoverableError("never");
    });
    await q.add("n", 1);
    const runs = await sdk.ended("process q", 2);
    const [add] = sdk.named("add q");
    expect(runs.map(linkOf)).toMatchObject([ids(add), ids(add)]);
    expect(runs.map(({ attributes }) => attributes["delayq.task.attempt"])).toEqual([1, 2]);
    expect(outcomesOf(runs)).toEqual(["retried", "dead"]);
    expect(runs.map(({ attributes }) => attributes["error.type"])).toEqual([
      "TypeError",
      "UnrecoverableError",
    ]);
    expect(runs.map(({ status }) => status)).toEqual([
      { code: SpanStatusCode.ERROR, message: "no" },
      { code: SpanStatusCode.ERROR, message: "never" },
    ]);
    const [exception] = runs[0]?.events ?? [];
    expect(exception?.attributes).toMatchObject({
      "exception.type": "TypeError",
      "exception.message": "no",
    });
    expect(exception?.attributes?.["exception.stacktrace"]).toContain("traces.test.ts");
  });

  test("that asks for later is no error, and one that took too long is", async () => {
    const { queue, worker } = setup();
    const sdk = startTracing();
    const q = queue();
    const slow = deferred();
    worker({
      later: () => {
        throw new RetryLater(60_000);
      },
      slow: async () => await slow.promise,
    });
    await q.add("later", 1);
    const [later] = await sdk.ended("process q");
    await q.add("slow", 1, { timeoutMs: 10, attempts: 1 });
    const [, tooSlow] = await sdk.ended("process q", 2); // while its handler goes on
    slow.resolve();
    expect(later?.status.code).toBe(SpanStatusCode.UNSET);
    expect(outcomesOf(later ? [later] : [])).toEqual(["postponed"]);
    expect(tooSlow?.attributes).toMatchObject({
      "delayq.task.outcome": "dead",
      "error.type": "TaskTimeoutError",
    });
  });

  test("that is cut short by a close says so", async () => {
    const { queue, worker } = setup();
    const sdk = startTracing();
    const started = deferred();
    const hung = deferred();
    const closing = worker(async () => {
      started.resolve();
      await hung.promise;
    });
    await queue().add("n", 1);
    await started.promise;
    await closing.close({ graceMs: 0 });
    hung.resolve();
    expect(outcomesOf(await sdk.ended("process q"))).toEqual(["released"]);
  });

  test("whose lease is lost ends then, also if its handler never does", async () => {
    const { queue, worker } = setup();
    const sdk = startTracing();
    const started = deferred();
    const ignorant = deferred();
    const running = worker(
      async () => {
        started.resolve();
        await ignorant.promise;
      },
      { leaseMs: 1000 },
    );
    const [counts] = running[INSIDE]().queues;
    counts?.wantTimes(true);
    const q = queue();
    const { id } = await q.add("n", 1);
    await started.promise;
    expect(await q.cancel(id, { abort: true })).toBe("cancelled");
    const runs = await sdk.ended("process q");
    ignorant.resolve();
    await running.close();
    expect(outcomesOf(runs)).toEqual(["lease_lost"]);
    expect(runs[0]?.attributes["error.type"]).toBe("lease_lost");
    expect(sdk.named("process q")).toHaveLength(1);
    expect(counts?.leasesLost).toBe(1);
    const times = [...(counts?.times?.durations ?? [])].map(([outcome, buckets]) => [
      outcome,
      buckets.cumulative().at(-1),
    ]);
    expect(times).toEqual([
      ["completed", 0],
      ["lease_lost", 1],
    ]);
  });

  test("is named in what the handler logs, and in all that is logged of it", async () => {
    const { queue, worker } = setup();
    const sdk = startTracing();
    const lines: string[] = [];
    const logger = pino(
      { mixin: traceFields, level: "debug" },
      { write: (line: string) => void lines.push(line) },
    );
    worker((_, { log }) => log.info("in the handler"), { logger });
    await queue().add("n", 1);
    const [run] = await sdk.ended("process q");
    const { traceId, spanId } = contextOf(run) ?? {};
    const told = { trace_id: traceId, span_id: spanId, trace_flags: "01" };
    await eventually(() => {
      const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(
        parsed.filter(({ event, msg }) => event !== undefined || msg === "in the handler"),
      ).toMatchObject([
        { event: "task.started", ...told },
        { msg: "in the handler", ...told },
        { event: "task.completed", ...told },
      ]);
    });
    logger.info("outside");
    expect(JSON.parse(lines.at(-1) ?? "{}")).not.toHaveProperty("trace_id");
  });
});

const ids = (span: ReadableSpan | undefined) => {
  const { traceId, spanId } = contextOf(span) ?? {};
  return { traceId, spanId };
};
