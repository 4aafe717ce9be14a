import { afterEach, describe, expect, test } from "vitest";
import * as scripts from "../../src/store/scripts.ts";
import { openKeyspace, type Keyspace } from "../support/keyspace.ts";
import { CALLS, prepare, type Prepared } from "./all-scripts.ts";
import { useOwnRedis } from "./own-redis.ts";

const ownRedis = useOwnRedis();
const limit = async (maxmemory: string): Promise<void> => {
  await ownRedis().admin.config("SET", "maxmemory", maxmemory);
};
afterEach(async () => await limit("0"));

/** A queue on a Redis that takes no more. */
async function setup(): Promise<{ keyspace: Keyspace; prepared: Prepared }> {
  const keyspace = await openKeyspace({ url: ownRedis().url });
  const prepared = await prepare(keyspace);
  await limit("1");
  return { keyspace, prepared };
}

const GROWING = new Set(["add", "register", "restore", "update"]);

describe("a full Redis", () => {
  test("is asked to run every script there is", () => {
    const names = Object.values(scripts).map(({ definition }): string => definition.name);
    expect(CALLS.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
  });

  test.each(CALLS.filter(({ name }) => GROWING.has(name)))(
    "refuses $name with a clear code, and nothing is written",
    async ({ send }) => {
      const { keyspace, prepared } = await setup();
      const before = await keyspace.snapshot();
      await expect(send(keyspace, prepared)).rejects.toMatchObject({
        code: "DELAYQ_REDIS_FULL",
        cause: expect.objectContaining({ message: expect.stringMatching(/^OOM /) as string }) as Error,
      });
      expect(await keyspace.changes(before)).toEqual({});
      await limit("0");
      expect(await send(keyspace, prepared)).toBeDefined();
    },
  );

  test("runs all other scripts, one after another", async () => {
    const { keyspace, prepared } = await setup();
    for (const { name, send, expects } of CALLS.filter((call) => !GROWING.has(call.name)))
      expect({ name, ...(await send(keyspace, prepared)) }).toMatchObject(expects);
  });
});
