import { pino } from "pino";
import { expect, it, onTestFinished } from "vitest";
import { takeCensus } from "../../src/queue/census.ts";
import { Connection } from "../../src/store/connection.ts";
import { setup } from "../support/fixture.ts";

it("loses only the queue whose shards do not answer, and begins the next time where time ran out", async () => {
  const { queue, base, prefix } = setup();
  for (const name of ["a", "b", "c"]) await queue({}, name).add("t", 1);
  const connection = Connection.acquire(base.connection, pino({ level: "silent" }));
  onTestFinished(() => connection.release());
  const call: typeof connection.call = async (script, keys, args, items, options) => {
    if (!JSON.stringify(keys).includes(`${prefix}:{b`)) {
      return await connection.call(script, keys, args, items, options);
    }
    await new Promise((resolve) => setTimeout(resolve, options.deadlineMs - performance.now()));
    throw new Error("stuck");
  };
  // A Redis of which one shard does not answer.
  const stuck = { call, read: connection.read.bind(connection) } as unknown as Connection;
  const census = async (ms: number, next?: string) =>
    await takeCensus(stuck, prefix, { wanted: [], next, deadlineMs: performance.now() + ms });
  const short = await census(600);
  expect(short.queues.map(({ queue }) => queue)).toEqual(["a"]);
  expect(short.next).toBe("b");
  const long = await census(2500, short.next);
  expect(long.queues.map(({ queue }) => queue)).toEqual(["c", "a"]);
  expect([...long.failures.keys()]).toEqual(["b"]);
  expect(long.next).toBe("b");
});
