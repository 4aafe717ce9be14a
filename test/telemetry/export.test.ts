import { expect, onTestFinished, test } from "vitest";
import { Exporter } from "../../src/queue/exporter.ts";
import {
  parseExported,
  parseHeader,
  type ExportEnd,
  type ExportedTask,
} from "../../src/queue/export-format.ts";
import { Restorer } from "../../src/queue/restorer.ts";
import { Connection } from "../../src/store/connection.ts";
import { QueueStore } from "../../src/store/queue-store.ts";
import { setup } from "../support/fixture.ts";
import { openKeyspace } from "../support/keyspace.ts";

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async function exported(store: QueueStore): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  for await (const some of new Exporter(store).lines(0)) lines.push(...some);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

const isTask = (parsed: ExportedTask | ExportEnd): parsed is ExportedTask => !("end" in parsed);

async function restored(lines: readonly Record<string, unknown>[]) {
  const { base, queue } = setup();
  const connection = Connection.acquire(base.connection, base.logger);
  onTestFinished(() => connection.release());
  const store = new QueueStore(connection, { prefix: base.prefix, queue: "q" });
  const restorer = new Restorer(queue({ shards: 1 }), store, 1);
  await restorer.begin(parseHeader(lines[0]));
  for (const task of lines.slice(1).map(parseExported).filter(isTask))
    await restorer.push(restorer.encode(task));
  await restorer.finish();
  expect(restorer.restored).toBe(lines.length - 2);
  return await exported(store);
}

test("an export and its restore keep the trace", async () => {
  const keyspace = await openKeyspace();
  await keyspace.add(
    { id: "a", overrides: { traceparent, tracestate: "v=1", attempts: 9 } as object },
    { id: "b", overrides: { traceparent } as object },
    { id: "c" },
  );
  const lines = await exported(keyspace.store);
  const byId = (all: readonly Record<string, unknown>[]) =>
    Object.fromEntries(all.slice(1, -1).map((task) => [task["id"], task]));
  expect(byId(lines)).toMatchObject({
    a: { trace: { traceparent, tracestate: "v=1" }, options: { attempts: 9 } },
    b: { trace: { traceparent }, options: { attempts: 3 } },
    c: { options: { attempts: 3 } },
  });
  expect(byId(lines)["a"]?.["options"]).not.toHaveProperty("traceparent");
  expect(byId(lines)["c"]).not.toHaveProperty("trace");
  const again = await restored(lines);
  for (const [id, task] of Object.entries(byId(lines)))
    expect(byId(again)[id]).toEqual({ ...(task as object), profile: expect.any(Number) as number });
});

test("the export of a process that took traces for options is restored, with them", async () => {
  const keyspace = await openKeyspace();
  await keyspace.add({ id: "a" });
  const [header = {}, task = {}, end = {}] = await exported(keyspace.store);
  const options = { ...(task["options"] as object), traceparent, tracestate: "v=1" };
  const again = await restored([header, { ...task, options }, end]);
  expect(again[1]).toMatchObject({ id: "a", options: task["options"] });
  expect(again[1]).toMatchObject({ trace: { traceparent, tracestate: "v=1" } });
});

test("what is no trace is left out, and so is what a later release may write beside one", async () => {
  const keyspace = await openKeyspace();
  await keyspace.add({ id: "a" });
  const [, task = {}] = await exported(keyspace.store);
  const read = (trace: unknown) => (parseExported({ ...task, trace }) as ExportedTask).trace;
  expect(read({ traceparent, tracestate: "v=1", baggage: "a=b" })).toEqual({
    traceparent,
    tracestate: "v=1",
  });
  expect(read({ traceparent, tracestate: "x".repeat(513) })).toEqual({ traceparent });
  expect(read({ traceparent: "no" })).toBeUndefined();
  expect(read(traceparent)).toBeUndefined();
  expect(read(null)).toBeUndefined();
});
