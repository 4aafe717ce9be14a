import { describe, expect, test } from "vitest";
import type { Finding, QueueFacts, ShardFacts } from "../../src/core/doctor-facts.ts";
import { judgeQueue } from "../../src/core/queue-rules.ts";

const NOW = 1_700_000_000_000;

const shard = (facts: Partial<ShardFacts> = {}): ShardFacts => ({
  shard: 0,
  delayed: 0,
  ready: 0,
  leased: 0,
  dead: 0,
  done: 0,
  owner: "s1",
  oldestDueMs: undefined,
  expiredLeases: 0,
  firstDeadlineMs: undefined,
  diedLately: 0,
  diedBefore: 0,
  ...facts,
});

const queue = (facts: Partial<QueueFacts> = {}): QueueFacts => ({
  queue: "mails",
  isCluster: false,
  nowMs: NOW,
  isPaused: false,
  shards: [shard()],
  workers: 1,
  schedulers: ["s1"],
  busiestSecond: undefined,
  ...facts,
});

const found = (facts: Partial<QueueFacts>, check: string): Finding | undefined =>
  judgeQueue(queue(facts)).find((finding) => finding.check === check);

describe("the doctor of a queue", () => {
  test("finds nothing wrong with one that is well, and says what it saw", () => {
    const findings = judgeQueue(queue({ shards: [shard({ delayed: 7, leased: 2 })] }));
    expect(findings.map(({ level }) => level)).toEqual(findings.map(() => "ok"));
    expect(findings.map(({ check }) => check)).toEqual([
      "schedulers",
      "workers",
      "oldest-due",
      "expired-leases",
      "dead",
      "large-shards",
      "busiest-second",
    ]);
    for (const { about } of findings) expect(about).toBe("queue mails");
  });

  test.each<[string, string, Partial<QueueFacts>, "ok" | "warning" | "failure"]>([
    ["paused", "paused", { isPaused: true }, "warning"],
    ["schedulers", "none, and nothing to do", { schedulers: [] }, "warning"],
    ["schedulers", "none, and tasks", { schedulers: [], shards: [shard({ delayed: 1 })] }, "failure"],
    [
      "schedulers",
      "an owner that died",
      { shards: [shard(), shard({ shard: 1, owner: "s2", leased: 1 })] },
      "failure",
    ],
    ["schedulers", "a shard without an owner", { shards: [shard({ owner: "" })] }, "warning"],
    ["workers", "none, and nothing to do", { workers: 0 }, "ok"],
    ["workers", "none, and tasks later", { workers: 0, shards: [shard({ delayed: 1 })] }, "warning"],
    ["workers", "none, and tasks ready", { workers: 0, shards: [shard({ ready: 1 })] }, "failure"],
    [
      "workers",
      "none, and tasks ready in a paused queue",
      { workers: 0, isPaused: true, shards: [shard({ ready: 1 })] },
      "warning",
    ],
    ["oldest-due", "4.9 s", { shards: [shard({ ready: 1, oldestDueMs: NOW - 4900 })] }, "ok"],
    ["oldest-due", "5 s", { shards: [shard(), shard({ ready: 1, oldestDueMs: NOW - 5000 })] }, "warning"],
    ["oldest-due", "a minute", { shards: [shard({ ready: 1, oldestDueMs: NOW - 60_000 })] }, "failure"],
    [
      "oldest-due",
      "a minute in a paused queue",
      { isPaused: true, shards: [shard({ ready: 1, oldestDueMs: NOW - 60_000 })] },
      "ok",
    ],
    [
      "expired-leases",
      "just now",
      { shards: [shard({ leased: 1, expiredLeases: 1, firstDeadlineMs: NOW })] },
      "ok",
    ],
    [
      "expired-leases",
      "for 5 s",
      { shards: [shard({ leased: 1, expiredLeases: 1, firstDeadlineMs: NOW - 5000 })] },
      "warning",
    ],
    [
      "expired-leases",
      "for a minute",
      { shards: [shard({ leased: 1, expiredLeases: 1, firstDeadlineMs: NOW - 60_000 })] },
      "failure",
    ],
    ["dead", "few of late", { shards: [shard({ dead: 9999, diedLately: 10 })] }, "ok"],
    ["dead", "many of late", { shards: [shard({ dead: 11, diedLately: 11 })] }, "warning"],
    ["dead", "fewer than before", { shards: [shard({ dead: 911, diedLately: 11, diedBefore: 900 })] }, "ok"],
    ["large-shards", "large, on one Redis", { shards: [shard({ delayed: 300_000 })] }, "ok"],
    [
      "large-shards",
      "large, on a Cluster",
      { isCluster: true, shards: [shard({ done: 300_000 })] },
      "warning",
    ],
    ["busiest-second", "10,000", { busiestSecond: { atMs: NOW, tasks: 10_000 } }, "ok"],
    ["busiest-second", "10,001", { busiestSecond: { atMs: NOW, tasks: 10_001 } }, "warning"],
  ])("thinks of %s: %s", (check, _what, facts, level) => {
    const finding = found(facts, check);
    expect(finding).toMatchObject({ level, about: "queue mails" });
    if (level === "ok") return;
    expect(finding?.why).toMatch(/\.$/);
    expect(finding?.fix).toMatch(/\S{4}/);
  });

  test("names shards, ages and what to do", () => {
    const shards = [shard(), shard({ shard: 1, owner: "", ready: 1, oldestDueMs: NOW - 3_600_000 })];
    expect(found({ shards }, "schedulers")?.text).toBe("shard 1 without a live scheduler (1 alive)");
    expect(found({ shards }, "oldest-due")?.text).toBe(
      "the oldest task that is due waits for 1h (1 task ready)",
    );
    expect(found({ isPaused: true }, "paused")?.fix).toBe("delayq queue resume mails");
    const large = found({ isCluster: true, shards: [shard({ done: 300_000 })] }, "large-shards");
    expect(large?.why).toContain("stands still for about 1.2 s.");
    expect(large?.fix).toContain("Move slots");
  });
});
