import { Redis } from "ioredis";
import { inject, expect, onTestFinished, test } from "vitest";
import { setup } from "../support/fixture.ts";

const HELD = 250_000;
const HOUR_MS = 3_600_000;

test("a shard that holds very many tasks gets them in smaller calls, so that none keeps Redis busy for long", async () => {
  const { prefix, queue } = setup();
  const redis = new Redis(inject("redisUrl"));
  onTestFinished(() => redis.disconnect());
  const producer = queue({ shards: 1 });
  const bulk = Array.from({ length: 150 }, (_, i) => ({ name: "later", data: i, opts: { delay: HOUR_MS } }));
  /** Each call is remembered. */
  const calls = async (key: string) => await redis.zcard(key.replace(/:tasks$/, ":calls"));
  await producer.addBulk(bulk);
  const [tasks = ""] = await redis.keys(`${prefix}:*:tasks`);
  expect(await calls(tasks)).toBe(1);
  const fill = `for i = 1, ${HELD} do redis.call("HSET", KEYS[1], i, "") end`;
  await redis.eval(fill, 1, tasks);
  await producer.addBulk(bulk); // learns of it
  expect(await calls(tasks)).toBe(2);
  await producer.addBulk(bulk);
  expect(await calls(tasks)).toBe(4);
});
