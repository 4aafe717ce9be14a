import { describe, expect, inject, onTestFinished, test } from "vitest";
import { PulseReader } from "../../src/queue/pulse.ts";
import { Connection } from "../../src/store/connection.ts";
import { MemberStore } from "../../src/store/member-store.ts";
import { within } from "../../src/store/queue-store.ts";
import { eventually, setup } from "../support/fixture.ts";

function setupReader() {
  const engine = setup();
  const connection = Connection.acquire(inject("redisUrl"));
  onTestFinished(() => connection.release());
  return { ...engine, connection, reader: new PulseReader(connection, engine.prefix) };
}

describe("the pulse of a queue", () => {
  test("of one that is not there is nought", async () => {
    const { reader } = setupReader();
    expect(await reader.read(["nothing"])).toEqual([
      {
        queue: "nothing",
        readAtMs: 0,
        delayed: 0,
        ready: 0,
        leased: 0,
        dead: 0,
        done: 0,
        paused: false,
        rates: undefined,
        lagMs: 0,
        workers: 0,
        concurrency: 0,
        schedulers: 0,
        shards: [],
      },
    ]);
  });

  test("tells rates since the reading before, lag, states and members", async () => {
    const { reader, queue, worker } = setupReader();
    const tasks = queue();
    await tasks.add("late", 1, { at: Date.now() - 60_000 });
    const [before] = await reader.read(["q"]);
    expect(before).toMatchObject({ rates: undefined, ready: 1, delayed: 0, workers: 0, schedulers: 0 });
    expect(before?.lagMs).toBeGreaterThanOrEqual(59_000);
    expect(before?.lagMs).toBeLessThan(600_000);
    expect(before?.shards).toHaveLength(4);

    worker(async () => {}, { concurrency: 3 });
    await tasks.addBulk(Array.from({ length: 50 }, () => ({ name: "n", data: 0 })));
    await eventually(async () => {
      const { ready, leased } = await tasks.counts();
      expect(ready + leased).toBe(0);
    });
    await tasks.pause();
    const [after] = await reader.read(["q"]);
    const seconds = ((after?.readAtMs ?? 0) - (before?.readAtMs ?? 0)) / 1000;
    expect((after?.rates?.added ?? 0) * seconds).toBeCloseTo(50, 6);
    expect((after?.rates?.completed ?? 0) * seconds).toBeCloseTo(51, 6);
    expect(after).toMatchObject({ paused: true, workers: 1, concurrency: 3, schedulers: 1 });
  });
});

describe("the members", () => {
  test("are those who live, whoever looks", async () => {
    const { connection, prefix } = setupReader();
    const facts = { role: "worker", queues: ["q"], host: "h", pid: 1 } as const;
    const members = new MemberStore(connection, prefix);
    await members.beat("m1", facts, 60_000, "0", within());
    await members.beat("m2", facts, 1, "0", within());
    await eventually(async () => {
      expect(await members.read(within())).toEqual([{ id: "m1", ...facts }]);
    });
  });
});
