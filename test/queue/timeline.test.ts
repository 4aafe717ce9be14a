import { describe, expect, test } from "vitest";
import { findBusiestSecond, readTimeline } from "../../src/queue/timeline.ts";
import { NOW, openKeyspace, type Keyspace } from "../support/keyspace.ts";
import { setup } from "../support/fixture.ts";
import { Connection } from "../../src/store/connection.ts";
import { inject, onTestFinished } from "vitest";

const namespaceOf = (keyspace: Keyspace) => ({ prefix: keyspace.prefix, queue: "mails" });

describe("the timeline", () => {
  test("of a queue that is not there is empty", async () => {
    const keyspace = await openKeyspace({ isRegistered: false });
    expect(await readTimeline(keyspace.connection, namespaceOf(keyspace), [NOW, NOW + 1])).toEqual({
      nowMs: 0,
      overdue: 0,
      tasks: [0],
      later: 0,
    });
  });

  test("holds each pending task of all shards once, however many calls it takes", async () => {
    const { queue, prefix } = setup();
    const connection = Connection.acquire(inject("redisUrl"));
    onTestFinished(() => connection.release());
    const beganMs = Math.floor(Date.now() / 1000) * 1000;
    const delays = Array.from({ length: 700 }, (_, i) => 60_000 + i * 1000);
    await queue().addBulk([
      ...delays.map((ms) => ({
        name: "n",
        data: 0,
        opts: { at: beganMs + ms, priority: ms % 3000 ? 0 : 7 },
      })),
      { name: "n", data: 0 },
      { name: "n", data: 0, opts: { at: beganMs - 5000 } },
      { name: "n", data: 0, opts: { delay: 3_600_000 } },
    ]);
    const bounds = Array.from({ length: 801 }, (_, i) => beganMs - 10_000 + i * 1000);
    const { overdue, tasks, later, nowMs } = await readTimeline(connection, { prefix, queue: "q" }, bounds);
    expect(nowMs).toBeGreaterThan(beganMs - 1000);
    expect({ overdue, later }).toEqual({ overdue: 2, later: 1 });
    expect(tasks).toEqual(bounds.slice(1).map((_, i) => (i >= 70 && i < 770 ? 1 : 0)));
  });

  test("finds the second ahead in which most is due", async () => {
    const { queue, prefix } = setup();
    const connection = Connection.acquire(inject("redisUrl"));
    onTestFinished(() => connection.release());
    const namespace = { prefix, queue: "q" };
    expect(await findBusiestSecond(connection, namespace, Date.now())).toBeUndefined();
    const headMs = Math.floor(Date.now() / 1000) * 1000 + 20 * 3_600_000;
    const due = (count: number, at: (i: number) => number) =>
      Array.from({ length: count }, (_, i) => ({ name: "n", data: 0, opts: { at: at(i) } }));
    await queue().addBulk([
      ...due(300, (i) => headMs + i),
      ...due(200, (i) => headMs - 40_000 + i),
      ...due(600, (i) => headMs - 5 * 3_600_000 + i * 2000),
    ]);
    expect(await findBusiestSecond(connection, namespace, Date.now())).toEqual({ atMs: headMs, tasks: 300 });
  });
});
