import { Cluster } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import type { RedisNode } from "../../src/dev/redis-node.ts";
import {
  BulkIncompleteError,
  NotConfirmedError,
  UnrecoverableError,
  type AddOptions,
  type Queue,
} from "../../src/index.ts";
import { shardKeys } from "../../src/store/keys.ts";
import { deferred, eventually, setup } from "../support/fixture.ts";
import { BRIEF, CONFIRMED, LATER, SHARDS, codeOf, setupPair } from "../support/replicated-pair.ts";
import { setupCluster, setupSentinels } from "../support/topologies.ts";

/** How many tasks a server has, by its own records. */
async function recordsOf(node: RedisNode, prefix: string): Promise<number> {
  const keys = Array.from({ length: SHARDS }, (_, i) => shardKeys({ prefix, queue: "q" }, i, SHARDS).tasks);
  const counts = await Promise.all(keys.map((key) => node.call("HLEN", key)));
  return counts.reduce<number>((sum, count) => sum + Number(count), 0);
}

/** The master is gone, and its replica is the master: what it does not have is lost. */
async function promote(master: RedisNode, replica: RedisNode): Promise<void> {
  await master.kill();
  await replica.call("REPLICAOF", "NO", "ONE");
}

/** A queue of the same name, on another server. */
function elsewhere(prefix: string, node: RedisNode): Queue {
  return setup(node.url).queue({ prefix, shards: SHARDS });
}

/** Clients of a server that wait for replicas, as it knows them. */
async function lanesOf(node: RedisNode): Promise<string[]> {
  const clients = String(await node.call("CLIENT", "LIST"));
  const lanes = clients.split("\n").filter((line) => line.includes("name=delayq-confirmed"));
  return lanes.map((line) => /^id=(\d+)/.exec(line)?.[1] ?? "");
}

describe("a confirmed add", () => {
  test("is acknowledged when the replica has it", async () => {
    const { queue, replica, prefix } = await setupPair();
    for (let i = 1; i <= 20; i++) {
      await queue.add("mail", i, LATER);
      expect(await recordsOf(replica, prefix)).toBe(i);
    }
  });

  test("says so in time when no replica confirms it; repeated, it exists, is confirmed, and runs once", async () => {
    const { queue, replica, worker, prefix } = await setupPair();
    await queue.add("first", null, LATER);
    await replica.freeze();
    const beganMs = performance.now();
    const error = await queue.add("mail", 1, { id: "user-7", durability: BRIEF }).catch((e: unknown) => e);
    expect(performance.now() - beganMs).toBeLessThan(BRIEF.timeoutMs + 1500);
    expect(error).toBeInstanceOf(NotConfirmedError);
    expect(error).toMatchObject({ code: "DELAYQ_NOT_CONFIRMED", ids: ["user-7"] });
    await replica.thaw();
    expect(await queue.add("mail", 1, { id: "user-7" })).toMatchObject({ id: "user-7", existed: true });
    expect(await recordsOf(replica, prefix)).toBe(2);
    const runs: string[] = [];
    worker((task) => void runs.push(task.id));
    await eventually(() => expect(runs).toEqual(["user-7"]));
    await eventually(async () => expect((await queue.stats()).counters).toMatchObject({ completed: 1 }));
    expect(runs).toEqual(["user-7"]);
  });

  test("with an id that exists already is acknowledged only when the replica has that task", async () => {
    const { queue, replica } = await setupPair();
    await queue.add("first", null, LATER);
    await replica.freeze();
    await queue.add("mail", 1, { ...LATER, id: "user-7", durability: "async" });
    const again = async () => await queue.add("mail", 1, { ...LATER, id: "user-7", durability: BRIEF });
    expect(await codeOf(again())).toBe("DELAYQ_NOT_CONFIRMED");
    await replica.thaw();
    expect(await queue.add("mail", 1, { ...LATER, id: "user-7" })).toMatchObject({ existed: true });
  });

  test("also waits for what its queue is: of one that only the master knows nothing is acknowledged", async () => {
    const { master, replica, queue, prefix } = await setupPair({ durability: "async" });
    await queue.add("first", null, LATER);
    await replica.freeze();
    const add = async () => await queue.add("mail", 1, { ...LATER, id: "a", durability: BRIEF });
    expect(await codeOf(add())).toBe("DELAYQ_REDIS_UNAVAILABLE");
    expect(await queue.get("a")).toBeUndefined();
    await replica.thaw();
    await queue.add("mail", 1, { ...LATER, id: "a", durability: CONFIRMED });
    await promote(master, replica);
    const survivor = elsewhere(prefix, replica);
    expect(await survivor.get("a")).toMatchObject({ name: "mail", data: 1 });
    expect(await replica.call("HGET", `${prefix}:queues`, "q")).toBe(String(SHARDS));
  });

  test(
    "keeps every acknowledged task when the master is killed in the middle",
    { timeout: 60_000 },
    async () => {
      const { queue, master, replica, prefix } = await setupPair({ addTimeoutMs: 2000 });
      const acknowledged: string[] = [];
      const half = deferred();
      const add = async (id: string): Promise<void> => {
        await queue.add("mail", id, { ...LATER, id });
        if (acknowledged.push(id) === 500) half.resolve();
      };
      const producer = async (name: number): Promise<void> => {
        for (let i = 0; i < 500; i++) await add(`${name}-${i}`);
      };
      const producers = Promise.allSettled(Array.from({ length: 20 }, (_, name) => producer(name)));
      await half.promise;
      await promote(master, replica);
      expect((await producers).some(({ status }) => status === "rejected")).toBe(true);
      const survivor = elsewhere(prefix, replica);
      const kept = await Promise.all(acknowledged.map(async (id) => (await survivor.get(id)) !== undefined));
      expect(kept.filter((isKept) => !isKept)).toEqual([]);
      expect(acknowledged.length).toBeGreaterThanOrEqual(500);
    },
  );

  test("is repeated when its connection breaks, whatever was under way", { timeout: 60_000 }, async () => {
    const { queue, master } = await setupPair();
    await queue.add("first", null, LATER);
    const over = new AbortController();
    const added = Promise.all(
      Array.from({ length: 20 }, async (_, name) => {
        for (let i = 0; i < 50; i++) await queue.add("mail", i, { ...LATER, id: `${name}-${i}` });
      }),
    ).finally(() => over.abort());
    let kills = 0;
    while (!over.signal.aborted) {
      for (const id of await lanesOf(master)) kills += Number(await master.call("CLIENT", "KILL", "ID", id));
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await added;
    expect(kills).toBeGreaterThan(0);
    expect(await queue.counts()).toMatchObject({ delayed: 1001 });
  });

  test("that is answered from memory, after its connection broke, is not confirmed by that", async () => {
    const { queue, master, replica } = await setupPair({ addTimeoutMs: 20_000 });
    await queue.add("first", null, LATER);
    await replica.freeze();
    const durability = { replicas: 1, timeoutMs: 1500 };
    const added = codeOf(queue.add("mail", 1, { ...LATER, id: "a", durability }));
    await eventually(async () => expect(await queue.get("a")).toBeDefined());
    const [lane] = await lanesOf(master);
    await master.call("CLIENT", "KILL", "ID", String(lane));
    expect(await added).toBe("DELAYQ_NOT_CONFIRMED");
    await replica.thaw();
    expect(await queue.add("mail", 1, { ...LATER, id: "a" })).toMatchObject({ existed: true });
    expect((await queue.stats()).counters["added"]).toBe(2);
  });

  test("may be waited for longer than a silent server is", async () => {
    const { master, prefix } = await setupPair();
    const { queue } = setup({ host: "127.0.0.1", port: master.port, socketTimeout: 300 });
    const patient = queue({ prefix, durability: { replicas: 2, timeoutMs: 900 } });
    await patient.add("mail", 1, { ...LATER, durability: "async" });
    const beganMs = performance.now();
    expect(await codeOf(patient.cancel("none"))).toBe("DELAYQ_NOT_CONFIRMED");
    expect(performance.now() - beganMs).toBeGreaterThan(800);
  });

  test("that waited for others until its time was up is never made", async () => {
    const { queue, replica, plainQueue } = await setupPair({ addTimeoutMs: 20_000 });
    const hasty = plainQueue({ addTimeoutMs: 1500, durability: CONFIRMED });
    for (const producer of [queue, hasty]) await producer.add("first", null, LATER);
    await replica.freeze();
    const slow = codeOf(queue.add("mail", 1, { ...LATER, durability: { replicas: 1, timeoutMs: 4000 } }));
    await eventually(async () => expect(await queue.counts()).toMatchObject({ delayed: 3 }));
    expect(await codeOf(hasty.add("mail", 2, { ...LATER, id: "late" }))).toBe("DELAYQ_REDIS_UNAVAILABLE");
    expect(await slow).toBe("DELAYQ_NOT_CONFIRMED");
    await replica.thaw();
    await queue.add("last", null, LATER);
    expect(await queue.get("late")).toBeUndefined();
  });

  test("by a user who may not use WAIT says so at once", async () => {
    const { master, prefix } = await setupPair();
    await master.call("ACL", "SETUSER", "poor", "on", ">secret", "~*", "&*", "+@all", "-wait");
    const { queue } = setup(`redis://poor:secret@127.0.0.1:${master.port}`);
    const producer = queue({ prefix, durability: CONFIRMED });
    const message = expect.stringMatching(/NOPERM/) as string;
    const first = producer.add("mail", 1, LATER);
    await expect(first).rejects.toMatchObject({ code: "DELAYQ_REDIS_UNAVAILABLE", message });
    const change = producer.cancel("none");
    await expect(change).rejects.toMatchObject({ code: "DELAYQ_NOT_CONFIRMED", message });
  });

  test("that nobody could send was not made, and the error says so", async () => {
    const { queue, master } = await setupPair({ addTimeoutMs: 1500 });
    await queue.add("first", null, LATER);
    await master.kill();
    expect(await codeOf(queue.add("mail", 1, LATER))).toBe("DELAYQ_REDIS_UNAVAILABLE");
    await master.start();
    await eventually(async () => await queue.add("mail", 1, LATER));
  });
});

describe("a confirmed addBulk", () => {
  test("names what was not confirmed as unknown, and may be repeated", async () => {
    const { queue, replica, prefix } = await setupPair();
    await queue.add("first", null, LATER);
    await replica.freeze();
    const task = (i: number, durability: AddOptions["durability"] = BRIEF) => ({
      name: "mail",
      data: i,
      opts: { ...LATER, id: `task-${i}`, ...(durability !== undefined && { durability }) },
    });
    const tasks = Array.from({ length: 1000 }, (_, i) => task(i));
    const error = await queue.addBulk(tasks).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(BulkIncompleteError);
    const { added, refused, unknown } = error as BulkIncompleteError;
    expect({ added, refused, unknown: unknown.length }).toEqual({ added: [], refused: [], unknown: 1000 });
    await replica.thaw();
    const again = await queue.addBulk(Array.from({ length: 1000 }, (_, i) => task(i, CONFIRMED)));
    expect(again.every(({ existed }) => existed)).toBe(true);
    expect(await recordsOf(replica, prefix)).toBe(1001);
  });

  test("waits for the replicas only of those tasks that ask for it", async () => {
    const { queue, replica } = await setupPair({ durability: "async" });
    await queue.add("first", null, { ...LATER, durability: CONFIRMED });
    await replica.freeze();
    const tasks = Array.from({ length: 10 }, (_, i) => ({
      name: "mail",
      data: i,
      opts: { ...LATER, id: `task-${i}`, durability: i < 5 ? ("async" as const) : BRIEF },
    }));
    const error = (await queue.addBulk(tasks).catch((e: unknown) => e)) as BulkIncompleteError;
    expect(error.added.toSorted()).toEqual(tasks.slice(0, 5).map(({ opts }) => opts.id));
    expect(error.unknown.toSorted()).toEqual(tasks.slice(5).map(({ opts }) => opts.id));
  });
});

describe("an option of the call", () => {
  test("outweighs the queue's: asynchronous adds do not wait, nor behind those that do", async () => {
    const { queue, replica, plainQueue } = await setupPair();
    await queue.add("first", null, LATER);
    await replica.freeze();
    const slow = codeOf(queue.add("mail", 1, { ...LATER, durability: { replicas: 1, timeoutMs: 3000 } }));
    const beganMs = performance.now();
    for (let i = 0; i < 20; i++) await queue.add("mail", i, { ...LATER, durability: "async" });
    expect(performance.now() - beganMs).toBeLessThan(2000);
    const plain = plainQueue();
    await plain.add("mail", 1, LATER);
    // What that one registered is not confirmed either.
    const first = plain.add("mail", 1, { ...LATER, durability: BRIEF });
    expect(await codeOf(first)).toBe("DELAYQ_REDIS_UNAVAILABLE");
    expect(await slow).toBe("DELAYQ_NOT_CONFIRMED");
  });
});

test("calls that ask for different things at the same time each get their own answer", async () => {
  const { queue } = await setupPair();
  await queue.add("first", null, LATER);
  const asking = [
    { replicas: 2, timeoutMs: 300 },
    { replicas: 1, timeoutMs: 5000 },
    { replicas: 2, timeoutMs: 200 },
    { replicas: 1, timeoutMs: 4000 },
  ];
  const codes = await Promise.all(
    asking.map(async (durability) => await codeOf(queue.cancel("none", { durability }))),
  );
  expect(codes).toEqual(["DELAYQ_NOT_CONFIRMED", "done", "DELAYQ_NOT_CONFIRMED", "done"]);
});

describe("every verb", () => {
  /** Tasks to change: pending ones, and some that are dead. */
  async function seed({ queue, worker }: Awaited<ReturnType<typeof setupPair>>): Promise<void> {
    const dead = worker(() => {
      throw new UnrecoverableError("no");
    });
    for (const id of ["requeue", "purge"]) await queue.add("mail", 0, { id });
    await eventually(async () => expect(await queue.counts()).toMatchObject({ dead: 2 }));
    await dead.close();
    for (const id of ["cancel", "reschedule", "update", "run-now"])
      await queue.add("mail", 0, { ...LATER, id });
  }

  const verbs = (queue: Queue, durability: AddOptions["durability"]) => {
    const options = durability === undefined ? {} : { durability };
    return {
      cancel: async () => await queue.cancel("cancel", options),
      reschedule: async () => await queue.reschedule("reschedule", { delay: 900_000 }, options),
      update: async () => await queue.update("update", 1, options),
      "run-now": async () => await queue.runNow("run-now", options),
      requeue: async () => await queue.requeue("requeue", options),
      purge: async () => await queue.purge(["purge"], options),
    };
  };

  test("is acknowledged when the replica has it, and says what it finds when repeated", async () => {
    const made = await setupPair();
    const { queue, master, replica, prefix } = made;
    await seed(made);
    await replica.freeze();
    const brief = Object.values(verbs(queue, BRIEF));
    const codes = await Promise.all(brief.map(async (change) => await codeOf(change())));
    expect(codes).toEqual(brief.map(() => "DELAYQ_NOT_CONFIRMED"));
    expect(await codeOf(queue.pause({ durability: BRIEF }))).toBe("DELAYQ_NOT_CONFIRMED");
    await replica.thaw();
    const usual = verbs(queue, undefined);
    expect({
      cancel: await usual.cancel(),
      reschedule: await usual.reschedule(),
      update: await usual.update(),
      "run-now": await usual["run-now"](),
      requeue: await usual.requeue(),
      purge: await usual.purge(),
    }).toEqual({
      cancel: "missing",
      reschedule: "rescheduled",
      update: "updated",
      "run-now": "due",
      requeue: "ready",
      purge: { missing: 1 },
    });
    await queue.pause();
    await promote(master, replica);
    const survivor = elsewhere(prefix, replica);
    expect(await survivor.get("cancel")).toBeUndefined();
    expect(await survivor.get("purge")).toBeUndefined();
    expect(await survivor.get("update")).toMatchObject({ data: 1 });
    const { dueAtMs, addedAtMs } = (await survivor.get("reschedule"))!;
    expect(dueAtMs - addedAtMs).toBeGreaterThan(800_000);
    for (const id of ["run-now", "requeue"]) expect(await survivor.get(id)).toMatchObject({ state: "ready" });
    expect(await survivor.counts()).toMatchObject({ paused: true });
  });

  test("of the queue as a whole waits for the replicas too", async () => {
    const { queue, master, replica, prefix } = await setupPair();
    await queue.add("mail", 0, LATER);
    await queue.pause();
    await replica.freeze();
    expect(await codeOf(queue.resume({ durability: BRIEF }))).toBe("DELAYQ_NOT_CONFIRMED");
    expect(await codeOf(queue.obliterate({ durability: BRIEF }))).toBe("DELAYQ_NOT_CONFIRMED");
    await replica.thaw();
    await queue.obliterate();
    await queue.obliterate();
    await promote(master, replica);
    expect(await recordsOf(replica, prefix)).toBe(0);
    expect(await replica.call("EXISTS", `${prefix}:{q}:meta`, `${prefix}:queues`)).toBe(0);
  });
});

describe("with Sentinels", () => {
  test.each(["kill", "freeze"] as const)(
    "every acknowledged add survives when the master is struck (%s), and adding goes on",
    { timeout: 90_000 },
    async (strike) => {
      const set = await setupSentinels({ downAfterMs: 500, failoverTimeoutMs: 2000, helloMs: 200 });
      const { queue } = setup(set.connection);
      const producer = queue({ durability: CONFIRMED, addTimeoutMs: 20_000 });
      const acknowledged: string[] = [];
      const over = new AbortController();
      const add = async (name: number): Promise<void> => {
        for (let i = 0; !over.signal.aborted; i++) {
          const id = `${name}-${i}`;
          await producer.add("mail", i, { ...LATER, id });
          acknowledged.push(id);
        }
      };
      const adding = Promise.all(Array.from({ length: 10 }, (_, name) => add(name)));
      await eventually(() => expect(acknowledged.length).toBeGreaterThan(200));
      const before = await set.master();
      await before[strike]();
      await set.failedOver(before);
      const count = acknowledged.length;
      await eventually(() => expect(acknowledged.length).toBeGreaterThan(count + 200), 30_000);
      over.abort();
      await adding;
      const kept = await Promise.all(acknowledged.map(async (id) => (await producer.get(id)) !== undefined));
      expect(kept.filter((isKept) => !isKept)).toEqual([]);
    },
  );
});

describe("on a Cluster", () => {
  test(
    "every acknowledged add survives a master's kill, each node's replicas confirm their own, and adding goes on",
    { timeout: 90_000 },
    async () => {
      const cluster = await setupCluster({ replicas: 1, nodeTimeoutMs: 500 });
      const client = new Cluster(cluster.startNodes, { lazyConnect: true });
      onTestFinished(() => client.disconnect());
      const { queue } = setup(client);
      const producer = queue({ durability: CONFIRMED, shards: 16, addTimeoutMs: 20_000 });
      const acknowledged: string[] = [];
      const addSome = async (name: string, timeoutMs = 5000): Promise<void> => {
        const tasks = Array.from({ length: 2000 }, (_, i) => ({
          name: "mail",
          data: i,
          opts: { ...LATER, id: `${name}-${i}`, durability: { replicas: 1, timeoutMs } },
        }));
        const added = await producer.addBulk(tasks).then(
          (all) => all.map(({ id }) => id),
          (error: unknown) => (error as BulkIncompleteError).added,
        );
        acknowledged.push(...added);
      };
      await addSome("before");
      const masters = await cluster.masters();
      for (const master of masters) expect(await lanesOf(master)).toHaveLength(1);
      const [struck] = masters as [RedisNode];
      const [slot = 0] = await cluster.slotsOf(struck);
      const during = addSome("during", 500);
      await struck.kill();
      await cluster.failedOver(slot, struck);
      // What is with the struck one's replica now is not confirmed: that one has no replica itself.
      await during;
      expect(acknowledged.length).toBeGreaterThan(2000);
      await struck.start();
      await cluster.inSync();
      const count = acknowledged.length;
      await addSome("after");
      expect(acknowledged).toHaveLength(count + 2000);
      const kept = await Promise.all(acknowledged.map(async (id) => (await producer.get(id)) !== undefined));
      expect(kept.filter((isKept) => !isKept)).toEqual([]);
    },
  );

  test(
    "adds that a frozen master holds go on with the replica that took over",
    { timeout: 60_000 },
    async () => {
      const cluster = await setupCluster({ replicas: 1, nodeTimeoutMs: 500 });
      // By itself the lane would find out after 25 s.
      const redisOptions = { socketTimeout: 20_000 };
      const client = new Cluster(cluster.startNodes, { lazyConnect: true, redisOptions });
      onTestFinished(() => client.disconnect());
      const { queue } = setup(client);
      const producer = queue({ durability: CONFIRMED, shards: 16, addTimeoutMs: 40_000 });
      const addSome = async (name: string) =>
        await producer.addBulk(
          Array.from({ length: 500 }, (_, i) => ({
            name: "mail",
            data: i,
            opts: { ...LATER, id: `${name}-${i}` },
          })),
        );
      await addSome("before");
      const [struck] = (await cluster.masters()) as [RedisNode];
      const [slot = 0] = await cluster.slotsOf(struck);
      await struck.freeze();
      const during = addSome("during").catch(() => {}); // when nobody confirms it in time
      await cluster.failedOver(slot, struck);
      const successor = await cluster.masterOf(slot);
      await eventually(async () => expect(await lanesOf(successor)).toHaveLength(1), 10_000);
      await struck.thaw();
      await during;
      expect(await eventually(async () => await addSome("during"))).toHaveLength(500);
      await eventually(async () => expect(await lanesOf(struck)).toHaveLength(0));
    },
  );

  test("adds follow a shard whose slot moves to another master", { timeout: 60_000 }, async () => {
    const cluster = await setupCluster({ replicas: 1 });
    const client = new Cluster(cluster.startNodes, { lazyConnect: true });
    onTestFinished(() => client.disconnect());
    const { queue, prefix } = setup(client);
    const producer = queue({ durability: CONFIRMED, shards: 3 });
    await producer.add("first", null, LATER);
    const { tasks } = shardKeys({ prefix, queue: "q" }, 0, 3);
    const slot = Number(await cluster.nodes[0]?.call("CLUSTER", "KEYSLOT", tasks));
    const over = new AbortController();
    let count = 1;
    const add = async (): Promise<void> => {
      for (; !over.signal.aborted; count++) await producer.add("mail", count, LATER);
    };
    const adding = Promise.all(Array.from({ length: 10 }, add));
    const [, , to] = await cluster.masters();
    await cluster.migrate([slot], to!);
    const before = Number(await to!.call("HLEN", tasks));
    await eventually(async () => expect(Number(await to!.call("HLEN", tasks))).toBeGreaterThan(before + 20));
    over.abort();
    await adding;
    expect(await producer.counts()).toMatchObject({ delayed: count });
  });

  test("a frozen replica holds back only what its own master has", { timeout: 60_000 }, async () => {
    const cluster = await setupCluster({ replicas: 1 });
    const client = new Cluster(cluster.startNodes, { lazyConnect: true });
    onTestFinished(() => client.disconnect());
    const { queue, prefix } = setup(client);
    const producer = queue({ durability: CONFIRMED, shards: 3 });
    await producer.add("first", null, LATER);
    const [, second] = await cluster.masters();
    const replica = await eventually(async () => {
      const [one] = await cluster.replicasOf(second!);
      expect(one).toBeDefined();
      return one!;
    });
    await replica.freeze();
    const tasks = Array.from({ length: 300 }, (_, i) => ({
      name: "mail",
      data: i,
      opts: { ...LATER, id: `task-${i}`, durability: { replicas: 1, timeoutMs: 2000 } },
    }));
    const error = (await producer.addBulk(tasks).catch((e: unknown) => e)) as BulkIncompleteError;
    const held = await second!.call("HKEYS", shardKeys({ prefix, queue: "q" }, 1, 3).tasks);
    expect(error.unknown.toSorted()).toEqual(
      (held as string[]).filter((id) => id.startsWith("task")).toSorted(),
    );
    expect(error.added.length + error.unknown.length).toBe(300);
    await replica.thaw();
    await eventually(async () => await producer.addBulk(tasks));
  });
});
