import { Cluster, Redis } from "ioredis";
import { expect, test } from "vitest";
import { resolveConnection } from "../../src/store/connection-options.ts";
import { addressOf, connectionTo, placeOf } from "../../src/store/connection-place.ts";

const LOCAL = "redis://127.0.0.1:6379";

test("flags win over the environment, and the environment over the usual port", () => {
  const env = { DELAYQ_REDIS_URL: "redis://a:1", DELAYQ_REDIS_MASTER: "m" };
  expect(placeOf({}, env)).toMatchObject({ url: "redis://a:1", master: undefined });
  expect(placeOf({ cluster: "b:1" }, env)).toMatchObject({ cluster: "b:1", url: undefined });
  expect(placeOf({ sentinel: "s:1" }, env)).toMatchObject({ sentinel: "s:1", master: "m" });
  expect(placeOf({ sentinel: "s:1", master: "other" }, env)).toMatchObject({ master: "other" });
  expect(connectionTo(placeOf({}, {}), {})).toBe(LOCAL);
  expect(connectionTo(placeOf({}, { DELAYQ_REDIS_URL: "" }), {})).toBe(LOCAL);
});

test("sentinels are addresses and a name, with the secrets of the environment", () => {
  const env = {
    DELAYQ_REDIS_SENTINELS: "a:1, b ,[::1]:3",
    DELAYQ_REDIS_MASTER: "m",
    DELAYQ_REDIS_TLS: "1",
    DELAYQ_REDIS_USERNAME: "u",
    DELAYQ_REDIS_PASSWORD: "p",
    DELAYQ_REDIS_SENTINEL_PASSWORD: "sp",
  };
  expect(connectionTo(placeOf({}, env), env)).toEqual({
    sentinels: [
      { host: "a", port: 1 },
      { host: "b", port: 26379 },
      { host: "::1", port: 3 },
    ],
    name: "m",
    username: "u",
    password: "p",
    sentinelPassword: "sp",
    tls: {},
    sentinelTLS: {},
    enableTLSForSentinelMode: true,
  });
});

test("a Cluster is some of its nodes", () => {
  const env = { DELAYQ_REDIS_CLUSTER: "a:1,b", DELAYQ_REDIS_PASSWORD: "p" };
  const cluster = connectionTo(placeOf({}, env), env) as Cluster;
  expect(cluster).toBeInstanceOf(Cluster);
  expect(cluster.status).toBe("wait");
  expect(cluster.options.redisOptions).toEqual({ password: "p" });
});

test.each([
  [{ DELAYQ_REDIS_URL: LOCAL, DELAYQ_REDIS_CLUSTER: "a:1" }, "one of a URL"],
  [{ DELAYQ_REDIS_SENTINELS: "a:1" }, "how they name the master"],
  [{ DELAYQ_REDIS_CLUSTER: "a:1,," }, "host:port"],
  [{ DELAYQ_REDIS_CLUSTER: "redis://a:1" }, "host:port"],
  [{ DELAYQ_REDIS_CLUSTER: "a:99999" }, "host:port"],
  [{ DELAYQ_REDIS_CLUSTER: "user:hidden@a:1" }, "got one with a user or password"],
])("refuses %j", (env, message) => {
  const refuse = (): unknown => connectionTo(placeOf({}, env), env);
  expect(refuse).toThrow(message);
  expect(refuse).toThrow(expect.objectContaining({ code: "DELAYQ_INVALID_OPTION" }));
  expect(refuse).not.toThrow("hidden");
});

test("TLS that is asked for is had, or refused", () => {
  const env = { DELAYQ_REDIS_TLS: "1", DELAYQ_REDIS_PASSWORD: "p" };
  expect(connectionTo(placeOf({ tls: true }, {}), {})).toBe("rediss://127.0.0.1:6379");
  expect(connectionTo({ tls: true }, {})).toBe("rediss://127.0.0.1:6379");
  expect(connectionTo(placeOf({}, env), env)).toBe("rediss://:p@127.0.0.1:6379");
  expect(connectionTo(placeOf({ url: "rediss://a" }, env), env)).toBe("rediss://:p@a");
  expect(connectionTo(placeOf({ url: "redis://a", tls: false }, env), {})).toBe("redis://a");
  const plain = { DELAYQ_REDIS_TLS: "0", DELAYQ_REDIS_URL: "redis://a" };
  expect(connectionTo(placeOf({}, plain), plain)).toBe("redis://a");
});

test.each([
  [{}, { DELAYQ_REDIS_TLS: "1", DELAYQ_REDIS_URL: "redis://u:hidden@a:1" }],
  [{ url: "redis://:hidden@a:1" }, { DELAYQ_REDIS_TLS: "1" }],
  [{ tls: true }, { DELAYQ_REDIS_URL: "redis://a:1" }],
  [{ url: "/run/redis.sock", tls: true }, {}],
  [{}, { DELAYQ_REDIS_TLS: "true", DELAYQ_REDIS_CLUSTER: "a:1" }],
])("refuses to go without TLS with %j and %j", (flags, env) => {
  const refuse = (): unknown => connectionTo(placeOf(flags, env), env);
  expect(refuse).toThrow(/rediss:\/\/, since TLS is asked for, got|DELAYQ_REDIS_TLS to be 1 or 0/);
  expect(refuse).toThrow(expect.objectContaining({ code: "DELAYQ_INVALID_OPTION" }));
  expect(refuse).not.toThrow("hidden");
});

test("a name of the master without sentinels is refused", () => {
  expect(() => connectionTo(placeOf({ master: "m" }, {}), {})).toThrow("only one of the two");
});

test("messages name the place without its secrets", () => {
  expect(addressOf({ url: "redis://user:hidden@h:1/2?password=hidden" })).toBe("redis://h:1/2");
  expect(addressOf({ sentinel: "a:1,b:2", master: "m" })).toBe("m of the sentinels a:1,b:2");
  expect(addressOf({ cluster: "a:1,b:2" })).toBe("Cluster a:1,b:2");
});

test("a client that is given shows the defaults of ioredis, which are nobody's wish", () => {
  const sentinels = [{ host: "127.0.0.1", port: 1 }];
  const given = new Redis({ sentinels, name: "m", lazyConnect: true, connectTimeout: 77 });
  const { options } = resolveConnection(given).open("calls") as Redis;
  expect(options).toMatchObject({
    sentinels,
    name: "m",
    connectTimeout: 77,
    failoverDetector: true,
    socketTimeout: 3000,
    sentinelCommandTimeout: 1000,
  });
});

test("calls go to masters, whatever the caller's own clients do", () => {
  const sentinels = [{ host: "127.0.0.1", port: 1 }];
  const redis = resolveConnection({ sentinels, name: "m", role: "slave" }).open("calls") as Redis;
  expect(redis.options.role).toBe("master");
  const given = new Cluster([{ host: "127.0.0.1", port: 1 }], {
    lazyConnect: true,
    scaleReads: "slave",
    enableAutoPipelining: true,
    redisOptions: { password: "p", socketTimeout: 5 },
  });
  const { options } = resolveConnection(given).open("calls") as Cluster;
  expect(options).toMatchObject({
    scaleReads: "master",
    enableAutoPipelining: false,
    shardedSubscribers: false,
    redisOptions: { password: "p", socketTimeout: 5, maxRetriesPerRequest: 0 },
  });
  expect((resolveConnection(given).open("hints") as Cluster).options.shardedSubscribers).toBe(true);
});
