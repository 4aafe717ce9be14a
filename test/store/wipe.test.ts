import { describe, expect, test } from "vitest";
import { openKeyspace, type Keyspace } from "../support/keyspace.ts";

/** A queue of two shards in which every key of shard 0 holds something, running tasks among them. */
async function setup(): Promise<Keyspace> {
  const keyspace = await openKeyspace({ shards: 2 });
  await keyspace.store.enlist(2);
  await keyspace.bury({ id: "dead" });
  await keyspace.complete({ id: "done" });
  const levels = Array.from({ length: 10 }, (_, priority) => ({ id: `ready${priority}`, priority }));
  await keyspace.add(...levels, { id: "leased", priority: 9 });
  await keyspace.tick(await keyspace.takeShard());
  await keyspace.claim(1);
  await keyspace.add(...levels.map(({ priority }) => ({ id: `due${priority}`, priority, delay: 9 })));
  await keyspace.redis.zadd(keyspace.keys.waiting, 1, "w2");
  return keyspace;
}

describe("wipe", () => {
  test("leaves nothing of a queue", async () => {
    const keyspace = await setup();
    const all = Object.keys(await keyspace.snapshot());
    expect(all).toHaveLength(keyspace.keys.keys.length + ["1/ctl", "meta", "queues"].length);
    for (const keys of keyspace.shards) await keyspace.store.wipeShard(keys);
    await keyspace.store.wipeMeta();
    await keyspace.store.enlist(0);
    expect(await keyspace.snapshot()).toEqual({});
  });

  test("leaves the other shards alone", async () => {
    const keyspace = await setup();
    await keyspace.store.wipeShard(keyspace.keys);
    expect(Object.keys(await keyspace.snapshot())).toEqual(["1/ctl", "meta", "queues"]);
  });

  test("sent again finds nothing", async () => {
    const keyspace = await openKeyspace();
    await keyspace.bury({ id: "a" });
    for (let i = 0; i < 2; i++) await keyspace.store.wipeShard(keyspace.keys);
    await keyspace.store.wipeMeta();
    await keyspace.store.wipeMeta();
    expect(await keyspace.snapshot()).toEqual({});
  });
});
