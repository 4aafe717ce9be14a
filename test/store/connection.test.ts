import { pino } from "pino";
import { expect, inject, onTestFinished, test, vi } from "vitest";
import { Connection } from "../../src/store/connection.ts";
import { enlist } from "../../src/store/scripts.ts";
import { within } from "../../src/store/queue-store.ts";

function connectionTo(url: string): Connection {
  const connection = Connection.acquire(url, pino({ level: "silent" }));
  onTestFinished(() => connection.release());
  return connection;
}

test("only what was asked and answered is an answer of Redis", async () => {
  const connection = connectionTo(`${inject("redisUrl")}/3`);
  await connection.ready(within());
  expect(connection.look).toEqual({ isConnected: true, answeredMsAgo: undefined });
  await connection.read("time", [], within());
  expect(connection.look.answeredMsAgo).toBeGreaterThanOrEqual(0);
});

test("a call is not sent while there is no connection to send it on", async () => {
  const onSend = vi.fn<() => void>();
  const options = { deadlineMs: performance.now() + 300, onSend };
  const keys = { queues: "q" };
  const call = connectionTo("redis://127.0.0.1:1").call(enlist, keys, { queue: "q", shards: 4 }, [], options);
  await expect(call).rejects.toMatchObject({ code: "DELAYQ_REDIS_UNAVAILABLE" });
  expect(onSend).not.toHaveBeenCalled();
});
