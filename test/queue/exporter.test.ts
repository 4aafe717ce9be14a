import { inject, onTestFinished } from "vitest";
import { describe, expect, test } from "vitest";
import { RetryLater } from "../../src/index.ts";
import { Exporter } from "../../src/queue/exporter.ts";
import type { ExportedTask } from "../../src/queue/export-format.ts";
import { Connection } from "../../src/store/connection.ts";
import { QueueStore, type WalkPlace } from "../../src/store/queue-store.ts";
import * as scripts from "../../src/store/scripts.ts";
import { setup } from "../support/fixture.ts";
import { ERROR, NOW, openKeyspace, type Keyspace } from "../support/keyspace.ts";

interface Exported {
  readonly tasks: ExportedTask[];
  readonly ids: string[];
  readonly header: Record<string, unknown>;
  readonly end: Record<string, unknown>;
}

async function exported(store: QueueStore, between: () => Promise<void> = async () => {}): Promise<Exported> {
  const parsed: Record<string, unknown>[] = [];
  for await (const lines of new Exporter(store).lines(NOW)) {
    parsed.push(...lines.map((line) => JSON.parse(line) as Record<string, unknown>));
    await between();
  }
  const tasks = parsed.slice(1, -1) as unknown as ExportedTask[];
  return { tasks, ids: tasks.map(({ id }) => id), header: parsed[0] ?? {}, end: parsed.at(-1) ?? {} };
}

const sorted = (ids: readonly string[]): string[] => ids.toSorted((a, b) => (a < b ? -1 : 1));
const named = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${name}-${i}`);

async function addAll(keyspace: Keyspace, ids: readonly string[], delay = 9000): Promise<void> {
  for (let at = 0; at < ids.length; at += 200)
    await keyspace.add(...ids.slice(at, at + 200).map((id) => ({ id, delay })));
}

async function cancelAll(keyspace: Keyspace, ids: readonly string[]): Promise<void> {
  for (let at = 0; at < ids.length; at += 200)
    await keyspace.run(
      scripts.cancel,
      {},
      ids.slice(at, at + 200).flatMap((id) => [id, 0]),
    );
}

describe("an export", () => {
  test("says of each state all that belongs to it", async () => {
    const keyspace = await openKeyspace();
    await keyspace.bury({ id: "dead" });
    await keyspace.complete({ id: "done" });
    const retried = await keyspace.lease({ id: "retried" });
    await keyspace.settle("retry", "retried", retried, 70, ERROR);
    const fence = await keyspace.lease({ id: "leased", priority: 3 });
    await keyspace.add({
      id: "delayed",
      delay: 5,
      overrides: { attempts: 9, expireMs: 60 },
      payload: '{"é":"\\n"}',
    });
    await keyspace.add({ id: "ready" });
    await keyspace.tick(await keyspace.takeShard());
    await keyspace.add({ id: "due" });
    const { tasks, header, end } = await exported(keyspace.store);
    const options = { attempts: 3, timeoutMs: 0, deathsMax: 3, keepResultMs: 0, expireMs: 0 };
    const common = {
      name: "mail",
      priority: 0,
      addedAtMs: NOW,
      firstDueAtMs: NOW,
      dueAtMs: NOW,
      attemptsUsed: 0,
      deaths: 0,
      profile: 1,
      options: expect.objectContaining(options) as unknown,
      data: {},
    };
    const failed = { attemptsUsed: 1, error: { name: "Error", message: "no" } };
    expect(tasks.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
      { ...common, ...failed, id: "dead", state: "dead", diedAtMs: NOW },
      {
        ...common,
        id: "delayed",
        state: "delayed",
        firstDueAtMs: NOW + 5,
        dueAtMs: NOW + 5,
        options: expect.objectContaining({ ...options, attempts: 9, expireMs: 60 }) as unknown,
        data: { é: "\n" },
      },
      {
        ...common,
        id: "done",
        state: "done",
        attemptsUsed: 1,
        forgetAtMs: NOW + 5000,
        keepLeftMs: 5000,
        result: 42,
      },
      { ...common, id: "due", state: "ready" },
      {
        ...common,
        id: "leased",
        state: "leased",
        priority: 3,
        lease: { fence: Number(fence), startedAtMs: NOW, worker: "w1", endsAtMs: NOW + 1000 },
      },
      { ...common, id: "ready", state: "ready" },
      { ...common, ...failed, id: "retried", state: "delayed", dueAtMs: NOW + 70 },
    ]);
    expect(header).toMatchObject({ export: 1, queue: "mails", exportedAtMs: NOW, paused: false, shards: 1 });
    expect(Object.values(header["defaults"] as object)).toEqual([expect.objectContaining(options)]);
    expect(end).toEqual({ end: true, tasks: 7 });
  });

  test("holds each task of many shards once", async () => {
    const { base, queue } = setup();
    const many = queue({ shards: 3 });
    const ids = named("t", 2000);
    await many.addBulk(ids.map((id) => ({ name: "n", data: null, opts: { id, delay: 60_000 } })));
    const connection = Connection.acquire(inject("redisUrl"));
    onTestFinished(() => connection.release());
    const { ids: found } = await exported(new QueueStore(connection, { prefix: base.prefix, queue: "q" }));
    expect(sorted(found)).toEqual(sorted(ids));
  });

  test("holds each task once whose neighbours go away meanwhile, so that Redis shrinks its table", async () => {
    const keyspace = await openKeyspace();
    // Mostly it is in the middle of a part that it sees again, and mostly a task stays in that.
    for (let round = 0; round < 12; round++) {
      const staying = named(`stays${round}`, 190);
      const leaving = named(`leaves${round}`, 1850);
      await addAll(keyspace, [...leaving, ...staying]);
      let portions = 0;
      const { ids } = await exported(keyspace.store, async () => {
        if (++portions !== 5 + round) return;
        await cancelAll(keyspace, leaving);
        // Redis goes on with it whenever the table is looked at.
        for (let look = 0; look < 10; look++) await keyspace.store.get(keyspace.keys, staying);
      });
      expect(sorted(ids.filter((id) => id.startsWith("stays")))).toEqual(sorted(staying));
      expect(new Set(ids).size).toBe(ids.length);
      await cancelAll(keyspace, staying);
    }
  });

  test("holds each task once that is there while many others come", async () => {
    const keyspace = await openKeyspace();
    const staying = named("stays", 1000);
    await addAll(keyspace, staying);
    let portions = 0;
    const { ids } = await exported(keyspace.store, async () => {
      if (portions++ % 5 === 0) await addAll(keyspace, named(`new${portions}`, 1000));
      if (portions > 40) portions = 1; // no more come
    });
    expect(sorted(ids.filter((id) => id.startsWith("stays")))).toEqual(sorted(staying));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("begins a shard again that moved to another server, and repeats nothing", async () => {
    const keyspace = await openKeyspace();
    const ids = named("t", 1000);
    await addAll(keyspace, ids);
    const { store } = keyspace;
    const walk = store.walk.bind(store);
    const servers: string[] = [];
    store.walk = async (keys, place: WalkPlace, limit, options) => {
      servers.push(place.server);
      return await walk(keys, servers.length === 4 ? { ...place, server: "another" } : place, limit, options);
    };
    expect(sorted((await exported(store)).ids)).toEqual(sorted(ids));
    expect(servers.filter((server) => server === "")).toHaveLength(2);
  });

  test("bounds a page by the bytes of its records", async () => {
    const keyspace = await openKeyspace();
    const payload = JSON.stringify("x".repeat(400_000));
    for (const id of named("big", 12)) await keyspace.add({ id, payload, delay: 5 });
    const sizes: number[] = [];
    const parsed: string[] = [];
    for await (const lines of new Exporter(keyspace.store).lines(NOW)) {
      sizes.push(lines.length);
      parsed.push(...lines);
    }
    expect(parsed).toHaveLength(14);
    // Three reach 1 MiB; one bucket of the table may hold some more.
    expect(Math.max(...sizes)).toBeLessThanOrEqual(6);
  });

  test("reads profiles that came after it began", async () => {
    const keyspace = await openKeyspace();
    await addAll(keyspace, named("t", 300));
    let hasAdded = false;
    const { tasks } = await exported(keyspace.store, async () => {
      if (hasAdded) return;
      hasAdded = true;
      await keyspace.add(...named("t2", 200).map((id) => ({ id, profile: 1, delay: 5 })));
    });
    expect(tasks.every(({ options }) => (options as { attempts: number }).attempts === 3)).toBe(true);
  });

  test("of a queue that runs at full speed holds each task once that lives through it", async () => {
    const { base, queue, worker } = setup();
    const busy = queue();
    const cycling = named("cycles", 300);
    const failing = named("fails", 300);
    const waiting = named("waits", 300);
    const opts = { attempts: 1_000_000, backoff: { type: "fixed", delay: 5 } } as const;
    await busy.addBulk([
      ...cycling.map((id) => ({ name: "cycle", data: 0, opts: { ...opts, id } })),
      ...failing.map((id) => ({ name: "fail", data: 0, opts: { ...opts, id } })),
      ...waiting.map((id) => ({ name: "wait", data: 0, opts: { ...opts, id, delay: 3_600_000 } })),
    ]);
    let runs = 0;
    worker(
      {
        cycle: () => {
          runs++;
          throw new RetryLater(3);
        },
        fail: () => {
          runs++;
          throw new Error("again");
        },
        pass: () => runs++,
      },
      { concurrency: 100 },
    );
    const connection = Connection.acquire(inject("redisUrl"));
    onTestFinished(() => connection.release());
    const store = new QueueStore(connection, { prefix: base.prefix, queue: "q" });
    const living = sorted([...cycling, ...failing, ...waiting]);
    const states = new Set<string>();
    let passing = 0;
    for (let round = 0; round < 10; round++) {
      const { tasks, ids } = await exported(store, async () => {
        await busy.addBulk(named(`p${passing++}`, 20).map((id) => ({ name: "pass", data: 0, opts: { id } })));
      });
      expect(sorted(ids.filter((id) => !id.startsWith("p")))).toEqual(living);
      expect(new Set(ids).size).toBe(ids.length);
      for (const { id, state } of tasks) {
        states.add(`${id.split("-", 1)[0]} ${state}`);
        expect(["delayed", "ready", "leased"]).toContain(state);
      }
    }
    expect(runs).toBeGreaterThan(100);
    // The busy ones were met where they were, each where it really is.
    for (const state of ["cycles leased", "fails leased", "waits delayed"]) expect(states).toContain(state);
    expect(states).not.toContain("waits leased");
  });
});

describe("walk", () => {
  test("refuses a cursor of another server", async () => {
    const keyspace = await openKeyspace();
    await keyspace.add({ id: "a" });
    const [keys] = keyspace.shards;
    if (keys === undefined) throw new Error("no shard");
    const first = await keyspace.store.walk(keys, { cursor: "0", server: "" }, 10);
    if (first.word !== "PAGE") throw new Error(first.word);
    expect(first.server).toMatch(/^[0-9a-f]{40}$/);
    expect(await keyspace.store.walk(keys, { cursor: "0", server: first.server }, 10)).toMatchObject({
      word: "PAGE",
    });
    expect(await keyspace.store.walk(keys, { cursor: "0", server: "b".repeat(40) }, 10)).toEqual({
      word: "MOVED",
    });
  });

  test("answers for a shard without tasks", async () => {
    const keyspace = await openKeyspace();
    const [keys] = keyspace.shards;
    if (keys === undefined) throw new Error("no shard");
    expect(await keyspace.store.walk(keys, { cursor: "0", server: "" }, 10)).toMatchObject({
      word: "PAGE",
      cursor: "0",
      walked: [],
    });
  });
});
