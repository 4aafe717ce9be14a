import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { serverOf } from "../../src/store/connection-options.ts";

test("a server is named as its socket is", () => {
  expect(serverOf("redis://:secret@cache:7000/3")).toEqual({ address: "cache", port: 7000 });
  expect(serverOf("rediss://cache")).toEqual({ address: "cache", port: 6379 });
  expect(serverOf("redis://[::1]:7000")).toEqual({ address: "::1", port: 7000 });
  expect(serverOf("/run/redis.sock")).toEqual({ address: "/run/redis.sock", port: undefined });
  expect(serverOf({ host: "cache", port: 1 })).toEqual({ address: "cache", port: 1 });
  expect(serverOf(new Redis({ path: "/s", lazyConnect: true }))).toEqual({ address: "/s", port: undefined });
  expect(serverOf({ name: "mymaster", sentinels: [{ host: "s", port: 1 }] })).toBeUndefined();
});
