import {
  claimedOf,
  instant,
  linesOf,
  listed,
  none,
  numbers,
  rows,
  storedOf,
  text,
  walkedOf,
} from "./reply-fields.ts";
import { defineScript, type Field } from "./script.ts";

/** Every transition, as its header in `lua/` declares it. */
export const add = defineScript({
  name: "add",
  keys: ["due", "tasks", "ctl", "stats", "calls", "answers", "waiting"],
  args: ["nowMs", "callId", "profile", "shards"],
  items: ["id", "record"],
  replies: {
    ADDED: ([nowMs, held, ...existed]) => ({
      nowMs: Number(nowMs),
      held: Number(held),
      existed: numbers(existed),
    }),
    NO_PROFILE: none,
  },
});

export const tick = defineScript({
  name: "tick",
  keys: [
    "due",
    "ready",
    "tasks",
    "more",
    "leased",
    "leases",
    "dead",
    "done",
    "errors",
    "results",
    "ctl",
    "seq",
    "stats",
    "calls",
    "answers",
    "waiting",
  ],
  args: ["nowMs", "epoch", "leaseMaxMs", "tidies"],
  items: [],
  replies: {
    TICKED: ([
      recovered,
      buried,
      moved,
      nextDueMs,
      nextWakeMs,
      generation,
      woken,
      fence,
      recoveredIds,
      buriedIds,
    ]) => ({
      recovered: Number(recovered),
      buried: Number(buried),
      moved: Number(moved),
      nextDueMs: Number(nextDueMs),
      nextWakeMs: Number(nextWakeMs),
      generation: text(generation),
      woken: Number(woken),
      fence: Number(fence),
      recoveredIds: linesOf(text(recoveredIds)),
      buriedIds: linesOf(text(buriedIds)),
    }),
    STALE: ([epoch]) => ({ epoch: text(epoch) }),
    NO_QUEUE: none,
  },
});

export const claim = defineScript({
  name: "claim",
  keys: ["due", "ready", "tasks", "more", "leased", "leases", "ctl", "seq", "calls", "answers", "waiting"],
  args: ["nowMs", "worker", "number", "leaseMs", "count"],
  items: [],
  isBinary: true,
  replies: {
    CLAIMED: ([nowMs, fence, isMore, ids, records, changed]) => ({
      nowMs: Number(nowMs),
      fence: text(fence),
      isMore: Number(isMore) === 1,
      claimed: claimedOf(text(ids), listed(records), listed(changed)),
    }),
    EMPTY: none,
    PAUSED: none,
    STALE: none,
    NO_QUEUE: none,
  },
});

export const settle = defineScript({
  name: "settle",
  keys: [
    "due",
    "tasks",
    "more",
    "leased",
    "leases",
    "dead",
    "done",
    "errors",
    "results",
    "ctl",
    "stats",
    "calls",
    "answers",
    "waiting",
  ],
  args: ["nowMs", "callId", "acks"],
  items: ["outcome", "id", "fence", "ms", "text"],
  replies: { SETTLED: (refused) => ({ refused: numbers(refused) }) },
});

export const extend = defineScript({
  name: "extend",
  keys: ["leased", "leases"],
  args: ["nowMs", "leaseMs"],
  items: ["id", "fence"],
  replies: { EXTENDED: (lost) => ({ lost: numbers(lost) }) },
});

/** The word of each item, by which a verb says what became of it. */
const outcomes = ([words]: readonly Field[]): { outcomes: string[] } => ({
  outcomes: text(words).split(" "),
});

export const cancel = defineScript({
  name: "cancel",
  keys: [
    "due",
    "ready",
    "tasks",
    "more",
    "leased",
    "leases",
    "dead",
    "done",
    "errors",
    "ctl",
    "stats",
    "calls",
    "answers",
  ],
  args: ["nowMs", "callId"],
  items: ["id", "abort"],
  replies: { OUTCOMES: outcomes },
});

export const reschedule = defineScript({
  name: "reschedule",
  keys: ["due", "ready", "tasks", "more", "leased", "dead", "done", "ctl", "calls", "answers", "waiting"],
  args: ["nowMs", "callId"],
  items: ["id", "due"],
  replies: { OUTCOMES: outcomes },
});

export const runNow = defineScript({
  name: "run-now",
  keys: ["due", "tasks", "more", "leased", "dead", "done", "ctl", "calls", "answers", "waiting"],
  args: ["nowMs", "callId"],
  items: ["id"],
  replies: { OUTCOMES: outcomes },
});

export const update = defineScript({
  name: "update",
  keys: ["due", "tasks", "leased", "dead", "done", "ctl", "calls", "answers"],
  args: ["nowMs", "callId"],
  items: ["id", "payload"],
  replies: { OUTCOMES: outcomes },
});

export const requeue = defineScript({
  name: "requeue",
  keys: ["due", "tasks", "more", "leased", "dead", "done", "ctl", "stats", "calls", "answers", "waiting"],
  args: ["nowMs", "callId"],
  items: ["id"],
  replies: { OUTCOMES: outcomes },
});

export const purge = defineScript({
  name: "purge",
  keys: [
    "due",
    "tasks",
    "more",
    "leased",
    "dead",
    "done",
    "errors",
    "results",
    "ctl",
    "stats",
    "calls",
    "answers",
  ],
  args: ["nowMs", "callId"],
  items: ["id"],
  replies: { OUTCOMES: outcomes },
});

export const get = defineScript({
  name: "get",
  keys: ["due", "tasks", "more", "leased", "leases", "dead", "done", "errors", "results", "ctl"],
  args: ["nowMs"],
  items: ["id"],
  isBinary: true,
  replies: {
    TASKS: ([states, records, rest]) => ({ tasks: storedOf(text(states), listed(records), listed(rest)) }),
  },
});

export const list = defineScript({
  name: "list",
  keys: ["scored"],
  args: ["nowMs", "range", "score", "id", "limit"],
  items: [],
  replies: {
    PAGE: ([nowMs, ...page]) => ({
      nowMs: Number(nowMs),
      page: rows(page, 2, (id, score) => ({ id: text(id), score: Number(score) })),
    }),
  },
});

export const counts = defineScript({
  name: "counts",
  keys: ["due", "ready", "leased", "dead", "done", "ctl", "stats"],
  args: ["nowMs"],
  items: [],
  replies: {
    COUNTS: ([delayed, ready, leased, dead, done, paused, ...counters]) => ({
      delayed: Number(delayed),
      ready: Number(ready),
      leased: Number(leased),
      dead: Number(dead),
      done: Number(done),
      paused: text(paused) === "1",
      counters: rows(counters, 2, (counter, count) => [text(counter), Number(count)] as const),
    }),
  },
});

export const lookShard = defineScript({
  name: "look-shard",
  keys: ["due", "ready", "tasks", "more", "leased", "dead", "done", "ctl", "seq", "stats"],
  args: ["nowMs", "sinceMs"],
  items: [],
  replies: {
    SHARD: ([
      nowMs,
      epoch,
      owner,
      paused,
      delayed,
      ready,
      leased,
      dead,
      done,
      nextDueMs,
      oldestDueMs,
      expiredLeases,
      firstDeadlineMs,
      diedLately,
      diedBefore,
      ...counters
    ]) => ({
      nowMs: Number(nowMs),
      epoch: text(epoch),
      owner: text(owner),
      paused: text(paused) === "1",
      delayed: Number(delayed),
      ready: Number(ready),
      leased: Number(leased),
      dead: Number(dead),
      done: Number(done),
      nextDueMs: instant(nextDueMs),
      oldestDueMs: instant(oldestDueMs),
      expiredLeases: Number(expiredLeases),
      firstDeadlineMs: instant(firstDeadlineMs),
      diedLately: Number(diedLately),
      diedBefore: Number(diedBefore),
      counters: rows(counters, 2, (counter, count) => [text(counter), Number(count)] as const),
    }),
  },
});

export const dueBefore = defineScript({
  name: "due-before",
  keys: ["due", "ready", "ctl"],
  args: ["nowMs"],
  items: ["instantMs"],
  replies: {
    COUNTED: ([nowMs, runway, due, later, counts]) => ({
      nowMs: Number(nowMs),
      runway: Number(runway),
      due: Number(due),
      later: Number(later),
      counts: text(counts) === "" ? [] : text(counts).split(" ").map(Number),
    }),
  },
});

export const walk = defineScript({
  name: "walk",
  keys: ["due", "tasks", "more", "leased", "leases", "dead", "done", "errors", "results", "ctl"],
  args: ["nowMs", "cursor", "server", "limit"],
  items: [],
  isBinary: true,
  replies: {
    PAGE: ([nowMs, cursor, server, ids, states, scores, records, rest]) => ({
      nowMs: Number(nowMs),
      cursor: text(cursor),
      server: text(server),
      walked: walkedOf(text(ids), text(scores), storedOf(text(states), listed(records), listed(rest))),
    }),
    MOVED: none,
  },
});

export const restore = defineScript({
  name: "restore",
  keys: ["due", "tasks", "more", "dead", "done", "errors", "results", "ctl", "stats", "calls", "answers"],
  args: ["nowMs", "callId", "shards"],
  items: ["id", "addedAtMs", "record", "place", "ms", "changed", "error", "result"],
  replies: {
    RESTORED: (existed) => ({ existed: numbers(existed) }),
    RUNNING: none,
    NO_PROFILE: none,
  },
});

export const takeShard = defineScript({
  name: "take-shard",
  keys: ["ctl", "seq"],
  args: ["nowMs", "scheduler", "seenEpoch"],
  items: [],
  replies: {
    TAKEN: ([epoch]) => ({ epoch: text(epoch) }),
    HELD: ([epoch, owner]) => ({ epoch: text(epoch), owner: text(owner) }),
    NO_QUEUE: none,
  },
});

export const leaveShard = defineScript({
  name: "leave-shard",
  keys: ["seq", "calls", "answers", "waiting"],
  args: ["member"],
  items: [],
  replies: { LEFT: none },
});

export const copyCtl = defineScript({
  name: "copy-ctl",
  keys: ["ctl", "waiting"],
  args: ["generation", "shards", "paused"],
  items: ["number", "profile"],
  replies: { COPIED: none, NEWER: ([generation]) => ({ generation: text(generation) }) },
});

export const wipeShard = defineScript({
  name: "wipe-shard",
  keys: ["waiting", "keys"],
  args: [],
  items: [],
  replies: { WIPED: none },
});

export const register = defineScript({
  name: "register",
  keys: ["meta"],
  args: ["nowMs", "shards", "fallback", "profile"],
  items: [],
  replies: {
    REGISTERED: ([profile, shards, paused, generation]) => ({
      profile: Number(profile),
      shards: Number(shards),
      paused: text(paused) === "1",
      generation: text(generation),
    }),
    SHARDS: ([shards]) => ({ shards: Number(shards) }),
    NEWER: ([format]) => ({ format: text(format) }),
    TOO_MANY: ([count]) => ({ count: Number(count) }),
  },
});

export const setPaused = defineScript({
  name: "set-paused",
  keys: ["meta"],
  args: ["nowMs", "paused", "restoring"],
  items: [],
  replies: {
    SET: ([generation, shards, isOwn]) => ({
      generation: text(generation),
      shards: Number(shards),
      isOwn: Number(isOwn) === 1,
    }),
    HELD: none,
    NO_QUEUE: none,
  },
});

export const noteExport = defineScript({
  name: "note-export",
  keys: ["meta"],
  args: ["nowMs"],
  items: [],
  replies: { NOTED: none, NO_QUEUE: none },
});

export const wipeMeta = defineScript({
  name: "wipe-meta",
  keys: ["meta"],
  args: [],
  items: [],
  replies: { WIPED: none },
});

export const enlist = defineScript({
  name: "enlist",
  keys: ["queues"],
  args: ["queue", "shards"],
  items: [],
  replies: { ENLISTED: none },
});

export const beat = defineScript({
  name: "beat",
  keys: ["members", "facts"],
  args: ["nowMs", "member", "ttlMs", "memberFacts", "generation"],
  items: [],
  replies: {
    SAME: none,
    MEMBERS: ([generation, ...members]) => ({
      generation: text(generation),
      members: rows(members, 2, (id, facts) => ({ id: text(id), facts: text(facts) })),
    }),
  },
});
