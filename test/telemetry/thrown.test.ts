import { context, metrics, type MeterProvider } from "@opentelemetry/api";
import type { Sampler, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { eventually, setup } from "../support/fixture.ts";
import { startTracing } from "./sdk.ts";

const fail = (): never => {
  throw new Error("not mine");
};
const done = async (): Promise<void> => {};
const processor: SpanProcessor = { onStart: () => {}, onEnd: () => {}, forceFlush: done, shutdown: done };
const sampler: Sampler = { shouldSample: fail };
const manager = { active: fail, with: fail, bind: fail, enable: fail, disable: () => manager };
const meters = {
  getMeter: () => ({ createCounter: () => ({ add: fail }), createHistogram: () => ({ record: fail }) }),
};

test.each<[string, () => unknown]>([
  ["a processor that throws at the start", () => startTracing(undefined, { ...processor, onStart: fail })],
  ["a processor that throws at the end", () => startTracing(undefined, { ...processor, onEnd: fail })],
  ["a sampler that throws", () => startTracing(sampler)],
  [
    "a context manager that throws",
    () => {
      startTracing();
      context.disable();
      context.setGlobalContextManager(manager);
    },
  ],
  [
    "instruments that throw",
    () => {
      metrics.setGlobalMeterProvider(meters as unknown as MeterProvider);
      onTestFinished(() => metrics.disable());
    },
  ],
])("%s costs no task and no add", async (_, register) => {
  const { queue, worker } = setup();
  const lines: string[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) });
  const tasks = queue({ logger, shards: 1 });
  register();
  await tasks.add("one", 1);
  await tasks.addBulk([2, 3, 4, 5].map((data) => ({ name: "many", data })));
  await expect(tasks.add("bad", 1n)).rejects.toThrow("to be JSON");
  const seen = new Set<unknown>();
  worker(({ data }) => void seen.add(data), { logger });
  await eventually(async () => expect((await tasks.stats()).counters).toMatchObject({ completed: 5 }));
  expect(seen).toEqual(new Set([1, 2, 3, 4, 5]));
  const said = lines.filter((line) => line.includes("could not be told to OpenTelemetry"));
  expect(said.map((line) => (JSON.parse(line) as { err: object }).err)).toEqual([
    expect.objectContaining({ message: "not mine" }),
    expect.objectContaining({ message: "not mine" }),
  ]);
});
