import { describe, expect, test } from "vitest";
import type { RedisNode } from "../../src/dev/redis-node.ts";
import { BulkIncompleteError, NotConfirmedError, UnrecoverableError, type Queue } from "../../src/index.ts";
import { shardKeys } from "../../src/store/keys.ts";
import { deferred, eventually, setup } from "../support/fixture.ts";
import { BRIEF, CONFIRMED, LATER, SHARDS, codeOf, setupPair } from "../support/replicated-pair.ts";
import { setupSentinels } from "../support/topologies.ts";

const shardsOf = (prefix: string) =>
  Array.from({ length: SHARDS }, (_, i) => shardKeys({ prefix, queue: "q" }, i, SHARDS));

/** What each shard says of the pause. */
const pausesOf = async (node: RedisNode, prefix: string): Promise<unknown[]> =>
  await Promise.all(shardsOf(prefix).map(async ({ ctl }) => await node.call("HGET", ctl, "paused")));

const later = (count: number, opts: object = {}) =>
  Array.from({ length: count }, (_, i) => ({
    name: "mail",
    data: i,
    opts: { ...LATER, id: `t-${i}`, ...opts },
  }));

describe("the first add of a queue whose replica is away", () => {
  test("was not made, and says so, whether it is one or many", async () => {
    const { queue, replica } = await setupPair({ durability: BRIEF });
    await replica.freeze();
    const error = await queue.add("mail", 1, { ...LATER, id: "a" }).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: "DELAYQ_REDIS_UNAVAILABLE",
      message: expect.stringMatching(/registration .* Nothing was added/) as string,
    });
    expect((error as Error).cause).toBeInstanceOf(NotConfirmedError);
    const bulk = await queue.addBulk(later(3)).catch((e: unknown) => e);
    expect(bulk).toBeInstanceOf(BulkIncompleteError);
    const { added, refused, unknown } = bulk as BulkIncompleteError;
    expect({ added, refused: refused.toSorted(), unknown }).toEqual({
      added: [],
      refused: ["t-0", "t-1", "t-2"],
      unknown: [],
    });
    for (const id of ["a", ...refused]) expect(await queue.get(id)).toBeUndefined();
  });

  test("is made, without it, where the tasks of a bulk ask for no replica", async () => {
    const { queue, replica } = await setupPair({ durability: BRIEF });
    await replica.freeze();
    const mixed = [...later(3, { durability: "async" }), { name: "mail", data: 3, opts: { id: "t-3" } }];
    const { added, refused } = (await queue.addBulk(mixed).catch((e: unknown) => e)) as BulkIncompleteError;
    expect(added.toSorted()).toEqual(["t-0", "t-1", "t-2"]);
    expect(refused).toEqual(["t-3"]);
    expect(await queue.addBulk(later(3, { durability: "async" }))).toHaveLength(3);
  });
});

describe("a change of the queue that is not confirmed", () => {
  test("is done all the same: a pause and a resume reach every shard", async () => {
    const { queue, master, replica, prefix } = await setupPair();
    await queue.add("mail", 0, LATER);
    await replica.freeze();
    expect(await codeOf(queue.pause({ durability: BRIEF }))).toBe("DELAYQ_NOT_CONFIRMED");
    expect(await pausesOf(master, prefix)).toEqual(Array(SHARDS).fill("1"));
    expect(await codeOf(queue.resume({ durability: BRIEF }))).toBe("DELAYQ_NOT_CONFIRMED");
    expect(await pausesOf(master, prefix)).toEqual(Array(SHARDS).fill("0"));
  });

  test("is done all the same: obliterate wipes every shard, and its repeat finds them to have that confirmed", async () => {
    const { queue, master, replica, prefix } = await setupPair();
    await queue.addBulk(later(40));
    await replica.freeze();
    expect(await codeOf(queue.obliterate({ durability: BRIEF }))).toBe("DELAYQ_NOT_CONFIRMED");
    for (const { tasks, ctl } of shardsOf(prefix)) expect(await master.call("EXISTS", tasks, ctl)).toBe(0);
    expect(await master.call("HGET", `${prefix}:queues`, "q")).toBe(String(SHARDS));
    await replica.thaw();
    await queue.obliterate();
    expect(await replica.call("KEYS", `${prefix}:*`)).toEqual([]);
  });

  test("does not hide that tasks run, nor leaves the queue paused", async () => {
    const { queue, worker, master, replica, prefix } = await setupPair();
    const [running, over] = [deferred(), deferred()];
    worker(async () => {
      running.resolve();
      await over.promise;
    });
    await queue.add("mail", 0);
    await running.promise;
    await replica.freeze();
    expect(await codeOf(queue.obliterate({ durability: BRIEF }))).toBe("DELAYQ_QUEUE_BUSY");
    expect(await pausesOf(master, prefix)).toEqual(Array(SHARDS).fill("0"));
    over.resolve();
  });
});

describe("a change of many tasks", () => {
  const ids = Array.from({ length: 1500 }, (_, i) => `t-${i}`);

  /** So many dead tasks. */
  async function bury({ queue, worker }: Awaited<ReturnType<typeof setupPair>>): Promise<void> {
    const undertaker = worker(
      () => {
        throw new UnrecoverableError("no");
      },
      { concurrency: 200 },
    );
    await queue.addBulk(ids.map((id) => ({ name: "mail", data: 0, opts: { id, durability: "async" } })));
    await eventually(async () => expect(await queue.counts()).toMatchObject({ dead: ids.length }), 30_000);
    await undertaker.close();
  }

  test("stops behind the batch that is not confirmed, and names all that were not", async () => {
    const { queue, replica } = await setupPair();
    await queue.addBulk(later(ids.length));
    await replica.freeze();
    const progress: unknown[] = [];
    const options = { durability: BRIEF, onProgress: (outcomes: unknown) => progress.push(outcomes) };
    const error = await queue.cancel(ids, options).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(NotConfirmedError);
    expect((error as NotConfirmedError).ids.toSorted()).toEqual(ids.slice(0, 1000).toSorted());
    expect((error as Error).message).toMatch(/0 ids were answered, 1000 were not confirmed/);
    expect(progress).toEqual([{}]);
    expect(await queue.counts()).toMatchObject({ delayed: 500 });
    await replica.thaw();
    expect(await queue.cancel(ids)).toEqual({ missing: 1000, cancelled: 500 });
  });

  test("says how much had been confirmed before", async () => {
    const { queue, replica } = await setupPair();
    await queue.addBulk(later(ids.length));
    let frozen = Promise.resolve();
    const onProgress = (): void => void (frozen = replica.freeze());
    const error = await queue.cancel(ids, { durability: BRIEF, onProgress }).catch((e: unknown) => e);
    await frozen;
    expect(error).toBeInstanceOf(NotConfirmedError);
    expect((error as NotConfirmedError).ids.length).toBeLessThanOrEqual(500);
    const [, answered, unconfirmed] =
      /(\d+) ids were answered, (\d+) were/.exec((error as Error).message) ?? [];
    expect(Number(answered) + Number(unconfirmed)).toBe(1500);
    expect(Number(answered)).toBeGreaterThanOrEqual(1000);
  });

  test(
    "takes a durability, a signal and onProgress together, by ids and by filter",
    { timeout: 90_000 },
    async () => {
      const made = await setupPair({ durability: "async" });
      const { queue, replica, prefix } = made;
      const half = () => {
        const ending = new AbortController();
        const progress: unknown[] = [];
        const onProgress = (outcomes: unknown): void => {
          progress.push(outcomes);
          ending.abort();
        };
        return { options: { durability: CONFIRMED, signal: ending.signal, onProgress }, progress };
      };
      const inReplica = async (key: "dead" | "tasks"): Promise<number> => {
        const count = { dead: "ZCARD", tasks: "HLEN" }[key];
        const counts = await Promise.all(
          shardsOf(prefix).map(async (keys) => await replica.call(count, keys[key])),
        );
        return counts.reduce<number>((sum, one) => sum + Number(one), 0);
      };
      const run = async (
        outcome: string,
        key: "dead" | "tasks",
        change: (options: ReturnType<typeof half>["options"]) => Promise<unknown>,
      ): Promise<void> => {
        const { options, progress } = half();
        expect(await change(options), outcome).toEqual({ [outcome]: 1000 });
        expect(progress).toEqual([{ [outcome]: 1000 }]);
        expect(await inReplica(key), outcome).toBe(500);
        const { durability } = options;
        expect(await change({ ...half().options, signal: AbortSignal.abort() })).toEqual({});
        await change({ durability, signal: new AbortController().signal, onProgress: () => {} });
        expect(await inReplica(key), outcome).toBe(0);
      };

      for (const which of [ids, {}] as const) {
        await bury(made);
        await run("requeued", "dead", async (options) => await queue.requeue(which as typeof ids, options));
        const done = await queue.cancel({ state: "ready" }, { durability: CONFIRMED });
        expect(done).toEqual({ cancelled: 1500 });
        await bury(made);
        await run("purged", "tasks", async (options) => await queue.purge(which as typeof ids, options));
        await queue.addBulk(later(ids.length));
        await run("cancelled", "tasks", async (options) => await queue.cancel(which as typeof ids, options));
      }
    },
  );
});

describe("an add ends by its own time", () => {
  test("also behind another that waits for the queue to be registered, and not with that one", async () => {
    const { nodes } = await setupSentinels({ sentinels: 0, replicas: 0 });
    const [master] = nodes as [RedisNode];
    const queue: Queue = setup(master.url).queue({ addTimeoutMs: 2000 });
    await master.freeze();
    const first = codeOf(queue.add("mail", 1, LATER));
    await new Promise((resolve) => setTimeout(resolve, 1200));
    const second = codeOf(queue.add("mail", 2, LATER));
    expect(await first).toBe("DELAYQ_REDIS_UNAVAILABLE");
    await master.thaw();
    expect(await second).toBe("done");
  });

  test("and was done, though what existed cannot be looked at", async () => {
    const { nodes } = await setupSentinels({ sentinels: 0, replicas: 0 });
    const [master] = nodes as [RedisNode];
    await master.call("ACL", "SETUSER", "blind", "on", ">secret", "~*", "&*", "+@all", "-zmscore");
    const queue = setup(`redis://blind:secret@127.0.0.1:${master.port}`).queue();
    const opts = { ...LATER, id: "a" };
    await queue.add("mail", 1, opts);
    await expect(queue.get("a")).rejects.toMatchObject({ code: "DELAYQ_REDIS_REFUSED" });
    expect(await queue.add("mail", 1, opts)).toMatchObject({ id: "a", existed: true });
    expect(await queue.addBulk([{ name: "mail", data: 1, opts }])).toMatchObject([
      { id: "a", existed: true },
    ]);
  });
});
