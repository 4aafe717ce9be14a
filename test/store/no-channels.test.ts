import { describe, expect, test } from "vitest";
import { openKeyspace, type Keyspace } from "../support/keyspace.ts";
import { CALLS, prepare } from "./all-scripts.ts";
import { useOwnRedis } from "./own-redis.ts";

const ownRedis = useOwnRedis();

/** A queue whose user may do anything but publish and subscribe. */
async function setup(): Promise<Keyspace> {
  const { url, admin } = ownRedis();
  await admin.call("ACL", "SETUSER", "mute", "on", ">secret", "~*", "+@all", "resetchannels");
  const { port } = new URL(url);
  return await openKeyspace({ url: `redis://mute:secret@127.0.0.1:${port}` });
}

describe("a user without rights to any channel", () => {
  test("may not publish", async () => {
    const keyspace = await setup();
    await expect(keyspace.redis.spublish(keyspace.keys.waiting, "")).rejects.toThrow(/NOPERM/);
  });

  test("can run every script; hints are lost and nothing else", async () => {
    const keyspace = await setup();
    const prepared = await prepare(keyspace);
    for (const { name, send, expects } of CALLS)
      expect({ name, ...(await send(keyspace, prepared)) }).toMatchObject(expects);
  });

  test("works a task off from add to settle", async () => {
    const keyspace = await setup();
    await keyspace.claim(1, "idle");
    await keyspace.add({ id: "a", delay: 10 });
    const epoch = await keyspace.takeShard();
    keyspace.advance(10);
    expect(await keyspace.tick(epoch)).toMatchObject({ word: "TICKED", moved: 1, nextWakeMs: -1 });
    const claimed = await keyspace.claim(1);
    if (claimed.word !== "CLAIMED") throw new Error(claimed.word);
    expect(await keyspace.settle("keep", "a", claimed.fence, 5, "1")).toMatchObject({ refused: [] });
  });
});
