import { expect, test } from "vitest";
import { kindOf, refusal } from "../../src/store/redis-errors.ts";

const reply = (message: string): Error => Object.assign(new Error(message), { name: "ReplyError" });

test.each([
  ["NOSCRIPT No matching script", "noscript"],
  ["READONLY You can't write against a read only replica.", "readonly"],
  ["LOADING Redis is loading the dataset in memory", "transient"],
  ["MASTERDOWN Link with MASTER is down", "transient"],
  ["CLUSTERDOWN The cluster is down", "transient"],
  ["TRYAGAIN Multiple keys request during rehashing of slot", "transient"],
  ["NOREPLICAS Not enough good replicas to write.", "transient"],
  ["NOPERM this user has no permissions", "refused"],
  ["CROSSSLOT Keys in request don't hash to the same slot", "refused"],
  ["MOVED 1 127.0.0.1:1", "refused"],
])("%s is %s", (message, kind) => {
  expect(kindOf(reply(message))).toBe(kind);
});

test("what a Cluster client could not follow to its end was not done", () => {
  const after = (last: Error): Error =>
    new Error(`Too many Cluster redirections. Last error: ${String(last)}`);
  expect(kindOf(after(reply("TRYAGAIN Multiple keys request")))).toBe("transient");
  expect(kindOf(after(reply("MOVED 1 127.0.0.1:1")))).toBe("transient");
  expect(kindOf(after(reply("CLUSTERDOWN Hash slot not served")))).toBe("transient");
  expect(kindOf(after(new Error("Connection is closed.")))).toBe("lost");
});

test("a node of a Cluster that was taken for a Redis of its own says what to do", () => {
  expect(refusal(reply("MOVED 1 127.0.0.1:1"))).toMatchObject({
    code: "DELAYQ_REDIS_REFUSED",
    message: expect.stringContaining("--cluster"),
  });
});
