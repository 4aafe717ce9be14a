import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as turn } from "node:timers/promises";
import { trace } from "@opentelemetry/api";
import { pino } from "pino";
import { expect, inject, test } from "vitest";
import { Loop } from "../../src/runtime/loop.ts";
import { traceFields } from "../../src/telemetry/log-fields.ts";
import { eventually, setup } from "../support/fixture.ts";
import { startMetrics, startTracing } from "./sdk.ts";

test("a loop looks outside the context in which it was started or hinted", async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const loop = new Loop(async () => {
    await turn();
    seen.push(storage.getStore());
    return 60_000;
  }, console.error);
  storage.run("request", () => loop.start());
  await eventually(() => expect(seen).toHaveLength(1));
  storage.run("another", () => loop.hint());
  await eventually(() => expect(seen).toHaveLength(2));
  await loop.stop();
  expect(seen).toEqual([undefined, undefined]);
});

test("what is made within a span does not name its trace for ever", async () => {
  const { base, queue, worker } = setup();
  const sdk = startTracing();
  const lines: string[] = [];
  const logger = pino(
    { level: "debug", mixin: traceFields },
    { write: (line: string) => void lines.push(line) },
  );
  const connection = { ...base, connection: `${inject("redisUrl")}/0`, logger }; // a connection of its own
  await sdk.tracer.startActiveSpan("request", async (request) => {
    const tasks = queue(connection);
    worker({ known: () => {} }, connection);
    await tasks.add("unknown", 1);
    request.end();
  });
  const line = await eventually(() => {
    const found = lines.find((text) => text.includes("no handler for tasks of this name"));
    if (found === undefined) throw new Error("not written yet");
    return JSON.parse(found) as object;
  });
  expect(line).not.toHaveProperty("trace_id");
});

test("with an SDK for metrics only a handler runs in no span", async () => {
  const { queue, worker } = setup();
  const sdk = startTracing();
  trace.disable(); // its context manager stays
  startMetrics();
  const seen: unknown[] = [];
  await sdk.tracer.startActiveSpan("request", async (request) => {
    worker(() => void seen.push(trace.getActiveSpan()));
    await queue().add("n", 1);
    request.end();
  });
  await eventually(() => expect(seen).toEqual([undefined]));
});
