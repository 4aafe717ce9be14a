import { Cluster } from "ioredis";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { Connection } from "../../src/store/connection.ts";
import { enlist } from "../../src/store/scripts.ts";
import { scriptedRedis, slotsOf, type ScriptedRedis } from "../support/scripted-redis.ts";

/** By its key a call of node 0, of two. */
const KEYS = { queues: "{q0}:queues" };

test("a call whose master goes when it was sent is not called undone for what another node says", async () => {
  const executed: number[] = [];
  const nodes: ScriptedRedis[] = await Promise.all(
    [0, 1].map(
      async (i) =>
        await scriptedRedis(({ command, args }) => {
          if (command === "cluster" && args[0]?.toLowerCase() === "slots") {
            return slotsOf(nodes.map(({ port }) => port));
          }
          if (!command.startsWith("eval")) return "";
          if (executed.length > 0) return "-CLUSTERDOWN The cluster is down\r\n";
          executed.push(i);
          nodes[i]?.stop();
          return undefined;
        }),
    ),
  );
  const client = new Cluster(
    nodes.map(({ port }) => ({ host: "127.0.0.1", port })),
    { lazyConnect: true },
  );
  const connection = Connection.acquire(client, pino({ level: "silent" }));
  onTestFinished(() => connection.release());
  const call = connection.call(enlist, KEYS, { queue: "q", shards: 4 }, [], {
    deadlineMs: performance.now() + 1000,
  });
  await expect(call).rejects.toMatchObject({ code: "DELAYQ_UNKNOWN_OUTCOME" });
  expect(executed).toHaveLength(1);
});
