import { Redis } from "ioredis";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { headChannel, membersChannel, wakeChannel } from "../../src/store/keys.ts";
import * as scripts from "../../src/store/scripts.ts";
import { ERROR, NOW, openKeyspace, type Keyspace } from "../support/keyspace.ts";

interface Hearing {
  readonly keyspace: Keyspace;
  /** What was heard since it was asked last: "head 30" for the scheduler, "w1" for a worker. */
  readonly heard: () => Promise<string[]>;
}

/** A queue of which the head channel, that of the members and those of some workers are listened to. */
async function setup(...workers: string[]): Promise<Hearing> {
  const keyspace = await openKeyspace();
  const client = new Redis(inject("redisUrl"), { maxRetriesPerRequest: 0 });
  onTestFinished(() => client.disconnect());
  const names = new Map([
    [headChannel(keyspace.keys), "head"],
    [membersChannel(keyspace.prefix), "members"],
    ...workers.map((worker) => [wakeChannel(keyspace.keys, worker), worker] as const),
  ]);
  let messages: string[] = [];
  let onEnd = (): void => {};
  client.on("smessage", (channel: string, message: string) => {
    if (message === "end") onEnd();
    else messages.push(`${names.get(channel)} ${message}`.trim());
  });
  for (const channel of names.keys()) await client.ssubscribe(channel);
  return {
    keyspace,
    heard: async () => {
      // Messages keep their order, so all came before this one.
      const ended = new Promise<void>((resolve) => (onEnd = resolve));
      await keyspace.redis.spublish(headChannel(keyspace.keys), "end");
      await ended;
      const heard = messages;
      messages = [];
      return heard;
    },
  };
}

const waitingOf = async (keyspace: Keyspace): Promise<string[]> =>
  Object.keys((await keyspace.snapshot())["waiting"] ?? {});

describe("the scheduler of a shard", () => {
  test("hears in how many ms a new head is due", async () => {
    const { keyspace, heard } = await setup();
    await keyspace.add({ id: "a", delay: 500 });
    await keyspace.add({ id: "b", at: NOW + 30, priority: 2 });
    await keyspace.add({ id: "c", delay: 20, priority: 2 });
    expect(await heard()).toEqual(["head 500", "head 30", "head 20"]);
  });

  test("does not hear of what is due after the head of its level", async () => {
    const { keyspace, heard } = await setup();
    await keyspace.add({ id: "a", delay: 500 });
    await heard();
    await keyspace.add({ id: "b", delay: 501 }, { id: "c", delay: 500 });
    expect(await heard()).toEqual([]);
  });

  test("does not hear of what is due now: that is the workers' affair", async () => {
    const { keyspace, heard } = await setup();
    await keyspace.add({ id: "a" }, { id: "b", at: 0 });
    expect(await heard()).toEqual([]);
  });

  test("hears of a task due soon that comes in one call with one due now", async () => {
    const { keyspace, heard } = await setup();
    await keyspace.add({ id: "now" }, { id: "soon", delay: 100 });
    expect(await heard()).toEqual(["head 100"]);
  });

  test("hears of a task due soon while one that is due was not claimed yet", async () => {
    const { keyspace, heard } = await setup();
    await keyspace.add({ id: "now" });
    await keyspace.add({ id: "soon", delay: 100 });
    expect(await heard()).toEqual(["head 100"]);
  });

  test("hears when the first lease ends, unless another ends before, and that nothing is left", async () => {
    const { keyspace, heard } = await setup();
    await keyspace.add({ id: "a" }, { id: "b" }, { id: "c" });
    await keyspace.claim(1, "w1", 15_000);
    await keyspace.claim(1, "w2", 20_000);
    keyspace.advance(10);
    await keyspace.claim(1, "w3", 5000);
    await keyspace.claim(1, "w4", 1000);
    const emptied = "1700000000010000";
    expect(await heard()).toEqual(["head 15000 0", `head 5000 ${emptied}`]);
  });

  test("hears of first leases once, while claims leave tasks behind, until it has looked", async () => {
    const { keyspace, heard } = await setup();
    const epoch = await keyspace.takeShard();
    await keyspace.add({ id: "a" }, { id: "b" }, { id: "c" }, { id: "d" }, { id: "e" });
    const claimAndSettle = async (leaseMs: number): Promise<void> => {
      const reply = await keyspace.claim(1, "w1", leaseMs);
      if (reply.word === "CLAIMED")
        for (const { id } of reply.claimed) await keyspace.settle("keep", id, reply.fence, 5000, "42");
      keyspace.advance(10);
    };
    await claimAndSettle(1000);
    await claimAndSettle(1000);
    await claimAndSettle(500);
    expect(await heard()).toEqual(["head 1000 0", "head 500 0"]);
    await keyspace.tick(epoch);
    await claimAndSettle(1000);
    expect(await heard()).toEqual(["head 1000 0"]);
  });

  test("hears of a head that comes by reschedule, retry and postpone", async () => {
    const { keyspace, heard } = await setup();
    const fence = await keyspace.lease({ id: "r" }, { id: "p" });
    await keyspace.add({ id: "m", delay: 9000 });
    await heard();
    await keyspace.run(scripts.reschedule, {}, ["m", "+400"]);
    await keyspace.settle("retry", "r", fence, 300, ERROR);
    await keyspace.settle("postpone", "p", fence, 200, "");
    expect(await heard()).toEqual(["head 400", "head 300", "head 200"]);
  });
});

describe("waiting workers", () => {
  test("are woken by tasks that are due now, the longest waiting first, as many as there are tasks", async () => {
    const { keyspace, heard } = await setup("w1", "w2", "w3");
    for (const worker of ["w2", "w1", "w3"]) {
      await keyspace.claim(1, worker);
      keyspace.advance(1);
    }
    await keyspace.add({ id: "a" }, { id: "b" }, { id: "later", delay: 10 });
    expect(await heard()).toEqual(["head 10", "w2", "w1", "head again"]);
    expect(await waitingOf(keyspace)).toEqual(["w3"]);
  });

  test("are not woken by tasks that are due later", async () => {
    const { keyspace, heard } = await setup("w1");
    await keyspace.claim();
    await keyspace.add({ id: "a", delay: 10 });
    expect(await heard()).toEqual(["head 10"]);
    expect(await waitingOf(keyspace)).toEqual(["w1"]);
  });

  test("that do not listen are passed over until one hears", async () => {
    const { keyspace, heard } = await setup("w9");
    for (const worker of ["dead1", "dead2", "w9", "w10"]) {
      await keyspace.claim(1, worker);
      keyspace.advance(1);
    }
    await keyspace.add({ id: "a" });
    expect(await heard()).toEqual(["w9", "head again"]);
    expect(await waitingOf(keyspace)).toEqual(["w10"]);
  });

  test("are looked for a hundred times at most", async () => {
    const { keyspace } = await setup();
    const dead = Array.from({ length: 103 }, (_, i) => [NOW, `dead${i}`]).flat();
    await keyspace.redis.zadd(keyspace.keys.waiting, ...dead);
    await keyspace.add({ id: "a" });
    expect(await waitingOf(keyspace)).toHaveLength(3);
  });

  test("are not woken while the queue is paused, and all when it is resumed", async () => {
    const { keyspace, heard } = await setup("w1", "w2");
    await keyspace.claim(1, "w1");
    await keyspace.pause();
    await keyspace.claim(1, "w2");
    await keyspace.add({ id: "a" });
    await keyspace.tick(await keyspace.takeShard());
    expect(await heard()).toEqual([]);
    await keyspace.pause(false);
    expect(await heard()).toEqual(["w1", "w2"]);
    expect(await waitingOf(keyspace)).toEqual([]);
  });

  test("are woken by a tick that finds tasks on the runway, which says so", async () => {
    const { keyspace, heard } = await setup("w1", "w2");
    const epoch = await keyspace.takeShard();
    await keyspace.claim(1, "w1");
    await keyspace.claim(1, "w2");
    await keyspace.add({ id: "a", delay: 10 });
    keyspace.advance(10);
    await heard();
    expect(await keyspace.tick(epoch)).toMatchObject({ moved: 1, woken: 1, nextWakeMs: -1 });
    expect(await heard()).toEqual(["w1"]);
    // Who was woken did not come: the next look wakes another.
    expect(await keyspace.tick(epoch)).toMatchObject({ moved: 0, woken: 1, nextWakeMs: -1 });
    expect(await heard()).toEqual(["w2"]);
    expect(await keyspace.tick(epoch)).toMatchObject({ woken: 0, nextWakeMs: -1 });
  });

  test("are woken by a claim that leaves due tasks behind", async () => {
    const { keyspace, heard } = await setup("idle");
    await keyspace.claim(1, "idle");
    await keyspace.pause();
    await keyspace.add({ id: "a" }, { id: "b" });
    await keyspace.redis.hset(keyspace.keys.ctl, "paused", "0");
    await keyspace.claim(1, "busy");
    expect(await heard()).toEqual(["idle", "head 1000 0"]);
  });

  test("pass a wake-up on with a claim of no slots", async () => {
    const { keyspace, heard } = await setup("idle");
    await keyspace.add({ id: "a" });
    await keyspace.redis.zadd(keyspace.keys.waiting, NOW, "idle");
    await keyspace.claim(0, "busy");
    expect(await heard()).toEqual(["idle"]);
  });

  test.each([
    {
      verb: "run-now",
      act: async (keyspace: Keyspace) => await keyspace.run(scripts.runNow, {}, ["delayed"]),
    },
    {
      verb: "reschedule to a time that has passed",
      act: async (keyspace: Keyspace) => await keyspace.run(scripts.reschedule, {}, ["delayed", NOW - 1]),
    },
    { verb: "requeue", act: async (keyspace: Keyspace) => await keyspace.run(scripts.requeue, {}, ["dead"]) },
  ])("are woken by $verb", async ({ act }) => {
    const { keyspace, heard } = await setup("w1");
    await keyspace.bury({ id: "dead" });
    await keyspace.add({ id: "delayed", delay: 10_000 });
    await keyspace.claim();
    await heard();
    await act(keyspace);
    expect(await heard()).toEqual(["w1", "head again"]);
  });

  test("are woken by a release and by a retry at once", async () => {
    const { keyspace, heard } = await setup("w2", "w3");
    const fence = await keyspace.lease({ id: "a" }, { id: "b" });
    await keyspace.claim(1, "w2");
    await keyspace.claim(1, "w3");
    await heard();
    await keyspace.settle("release", "a", fence, 0, "", "retry", "b", fence, 0, ERROR);
    expect(await heard()).toEqual(["w2", "w3", "head again"]);
  });
});

describe("schedulers", () => {
  test("hear when a member comes, leaves or changes, not of each beat", async () => {
    const { keyspace, heard } = await setup();
    const beat = async (ttlMs: number, memberFacts: string) =>
      await keyspace.run(scripts.beat, { member: "m1", ttlMs, memberFacts, generation: 0 });
    await beat(3000, "{}");
    expect(await heard()).toEqual(["members"]);
    await beat(3000, "{}");
    expect(await heard()).toEqual([]);
    await beat(3000, '{"host":"h2"}');
    expect(await heard()).toEqual(["members"]);
    await beat(0, '{"host":"h2"}');
    expect(await heard()).toEqual(["members"]);
  });
});
