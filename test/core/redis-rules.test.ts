import { describe, expect, test } from "vitest";
import type { Finding, RedisFacts, ServerFacts } from "../../src/core/doctor-facts.ts";
import { judgeRedis } from "../../src/core/redis-rules.ts";

const AOF = {
  isAofOn: true,
  isAofWriteOk: true,
  takesSnapshots: false,
  isSnapshotOk: true,
  fsync: "everysec",
} as const;
const REPLICA = { address: "b:1", state: "online", behindBytes: 0, silentMs: 1000 } as const;

const server = (facts: Partial<ServerFacts> = {}): ServerFacts => ({
  address: "a:1",
  role: "master",
  version: "7.0.15",
  policy: "noeviction",
  memory: { usedBytes: 1e6, maxBytes: 0 },
  persistence: AOF,
  usage: undefined,
  replicas: [],
  minReplicas: undefined,
  isLinked: undefined,
  clockAheadMs: 0,
  clockErrorMs: 2,
  ...facts,
});

const redis = (facts: Partial<RedisFacts> = {}): RedisFacts => ({
  kind: "standalone",
  servers: [server()],
  unreachable: [],
  clusterState: undefined,
  rights: { isAsked: true, user: "default", missing: [] },
  ...facts,
});

const found = (facts: Partial<RedisFacts>, check: string, about?: string): Finding | undefined =>
  judgeRedis(redis(facts)).find(
    (finding) => finding.check === check && finding.about === (about ?? finding.about),
  );

const of = (facts: Partial<ServerFacts>, kind: RedisFacts["kind"] = "standalone"): Partial<RedisFacts> => ({
  kind,
  servers: [server(facts)],
});

describe("the doctor of Redis", () => {
  test("finds nothing wrong with one that is well", () => {
    const findings = judgeRedis(redis());
    expect(findings.filter(({ level }) => level !== "ok")).toEqual([]);
    expect(findings.map(({ check }) => check)).toEqual([
      "connection",
      "acl-rights",
      "version",
      "persistence",
      "maxmemory-policy",
      "memory",
      "replicas",
      "clock-skew",
    ]);
  });

  test.each<[string, string, Partial<RedisFacts>, Finding["level"] | undefined]>([
    ["connection", "to a replica", of({ role: "replica" }), "failure"],
    ["connection", "where nobody may ask", of({ role: undefined }), "unknown"],
    ["connection", "to a Cluster that is down", { kind: "cluster", clusterState: "fail" }, "failure"],
    ["version", "6", of({ version: "6.2.14" }), "failure"],
    ["version", "not known", of({ version: undefined }), "unknown"],
    ["persistence", "none", of({ persistence: { ...AOF, isAofOn: false } }), "failure"],
    [
      "persistence",
      "snapshots",
      of({ persistence: { ...AOF, isAofOn: false, takesSnapshots: true } }),
      "warning",
    ],
    [
      "persistence",
      "snapshots that fail",
      of({ persistence: { ...AOF, isAofOn: false, takesSnapshots: true, isSnapshotOk: false } }),
      "failure",
    ],
    ["persistence", "a log that fails", of({ persistence: { ...AOF, isAofWriteOk: false } }), "failure"],
    ["persistence", "a log that is not synced", of({ persistence: { ...AOF, fsync: "no" } }), "warning"],
    ["persistence", "not known", of({ persistence: undefined }), "unknown"],
    [
      "persistence",
      "a log whose sync is not known",
      of({ persistence: { ...AOF, fsync: undefined } }),
      "unknown",
    ],
    [
      "persistence",
      "perhaps snapshots",
      of({ persistence: { ...AOF, isAofOn: false, takesSnapshots: undefined } }),
      "warning",
    ],
    ["maxmemory-policy", "not known", of({ policy: undefined }), "unknown"],
    ["memory", "not known", of({ memory: undefined }), "unknown"],
    ["maxmemory-policy", "allkeys-lru", of({ policy: "allkeys-lru" }), "failure"],
    ["maxmemory-policy", "volatile-ttl", of({ policy: "volatile-ttl" }), "failure"],
    ["memory", "at 89 %", of({ memory: { usedBytes: 89, maxBytes: 100 } }), "ok"],
    ["memory", "at 90 %", of({ memory: { usedBytes: 90, maxBytes: 100 } }), "warning"],
    ["memory", "at 98 %", of({ memory: { usedBytes: 98, maxBytes: 100 } }), "failure"],
    ["replicas", "none behind sentinels", of({}, "sentinel"), "warning"],
    ["replicas", "in step", of({ replicas: [REPLICA] }, "sentinel"), "ok"],
    ["replicas", "far behind", of({ replicas: [{ ...REPLICA, behindBytes: 1e9 }] }), "warning"],
    ["replicas", "silent", of({ replicas: [{ ...REPLICA, silentMs: 11_000 }] }), "warning"],
    ["replicas", "on the way", of({ replicas: [{ ...REPLICA, state: "wait_bgsave" }] }), "warning"],
    ["replica-link", "of a master", {}, undefined],
    ["replica-link", "down", of({ role: "replica", isLinked: false }), "warning"],
    ["min-replicas-to-write", "0 behind sentinels", of({ replicas: [REPLICA] }, "sentinel"), "warning"],
    ["min-replicas-to-write", "0 elsewhere", of({ replicas: [REPLICA] }), "ok"],
    [
      "min-replicas-to-write",
      "1 of 1",
      of({ replicas: [REPLICA], minReplicas: { wanted: 1, good: 1 } }, "sentinel"),
      "ok",
    ],
    [
      "min-replicas-to-write",
      "2 of 1",
      of({ replicas: [REPLICA], minReplicas: { wanted: 2, good: 1 } }, "sentinel"),
      "failure",
    ],
    ["clock-skew", "900 ms", of({ clockAheadMs: 900 }), "ok"],
    ["clock-skew", "1 s behind", of({ clockAheadMs: -1100 }), "warning"],
    ["clock-skew", "1 s, seen through a slow network", of({ clockAheadMs: 1100, clockErrorMs: 300 }), "ok"],
    ["clock-skew", "31 s", of({ clockAheadMs: 31_000 }), "failure"],
    [
      "clocks-apart",
      "2 s",
      { servers: [server({ clockAheadMs: 900 }), server({ address: "b:1", clockAheadMs: -900 })] },
      "warning",
    ],
    ["clocks-apart", "of one server", {}, undefined],
    [
      "unreachable-servers",
      "a replica",
      { unreachable: [{ address: "b:1", isMaster: false, isHurried: false }] },
      "warning",
    ],
    [
      "unreachable-servers",
      "a master",
      { unreachable: [{ address: "b:1", isMaster: true, isHurried: false }] },
      "failure",
    ],
    ["acl-rights", "that could not be asked", { rights: { isAsked: false, reason: "NOPERM" } }, "unknown"],
    [
      "acl-rights",
      "without hset",
      { rights: { isAsked: true, user: "u", missing: [{ reason: "no hset", isOptional: false }] } },
      "failure",
    ],
    [
      "acl-rights",
      "without info",
      { rights: { isAsked: true, user: "u", missing: [{ reason: "no info", isOptional: true }] } },
      "warning",
    ],
  ])("thinks of %s: %s", (check, _what, facts, level) => {
    const finding = found(facts, check);
    expect(finding?.level).toBe(level);
    if (level === undefined || level === "ok") return;
    expect(finding?.why).toMatch(/\.$/);
    expect(finding?.fix).toMatch(/\S{4}/);
  });

  test("tells of each server by its address", () => {
    const servers = [server(), server({ address: "b:1", role: "replica", policy: "allkeys-lru" })];
    expect(found({ servers }, "maxmemory-policy", "server a:1")?.level).toBe("ok");
    expect(found({ servers }, "maxmemory-policy", "server b:1")?.level).toBe("failure");
    expect(found({ servers }, "connection")?.text).toBe("standalone, 1 master, 1 replica");
  });
});
