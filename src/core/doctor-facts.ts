/** What a doctor is told of Redis and of a queue; see redis-rules.ts and queue-rules.ts. Times are epoch ms by the clock of Redis. */
export interface RedisFacts {
  readonly kind: "standalone" | "sentinel" | "cluster";
  readonly servers: readonly ServerFacts[];
  /** Masters, and replicas that they named, that did not answer here. */
  readonly unreachable: readonly Unreachable[];
  /** Of a Cluster: what it says of itself, "ok" if all is well. */
  readonly clusterState: string | undefined;
  readonly rights: RightsFacts;
}

export interface Unreachable {
  readonly address: string;
  readonly isMaster: boolean;
  /** It did not have the usual time to answer: it may be well. */
  readonly isHurried: boolean;
}

/** What one server says of itself; undefined where it does not tell this user. */
export interface ServerFacts {
  readonly address: string;
  readonly role: "master" | "replica" | undefined;
  readonly version: string | undefined;
  readonly policy: string | undefined;
  readonly memory: { readonly usedBytes: number; readonly maxBytes: number } | undefined;
  readonly persistence: PersistenceFacts | undefined;
  readonly usage: UsageFacts | undefined;
  /** Of a master: those that follow it. */
  readonly replicas: readonly ReplicaFacts[];
  /** Of a master: how many replicas must follow for it to take writes, and how many do; undefined unless that is set. */
  readonly minReplicas: { readonly wanted: number | undefined; readonly good: number } | undefined;
  /** Of a replica: whether it hears its master. */
  readonly isLinked: boolean | undefined;
  readonly clockAheadMs: number;
  /** How far off that may be: half the time of asking. */
  readonly clockErrorMs: number;
}

/** What it does, and has done since it was started. */
export interface UsageFacts {
  readonly isLoading: boolean;
  /** When the last snapshot was taken, or it was started; epoch seconds by the clock of Redis. */
  readonly savedAtSeconds: number;
  readonly cpuUserSeconds: number;
  readonly cpuSystemSeconds: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly evictedKeys: number;
}

export interface PersistenceFacts {
  readonly isAofOn: boolean;
  readonly isAofWriteOk: boolean;
  /** Whether snapshots are taken; undefined if it does not tell. */
  readonly takesSnapshots: boolean | undefined;
  readonly isSnapshotOk: boolean;
  readonly fsync: string | undefined;
}

export interface ReplicaFacts {
  readonly address: string;
  readonly state: string;
  readonly behindBytes: number;
  /** Since it was heard last. */
  readonly silentMs: number;
}

export type RightsFacts =
  | { readonly isAsked: true; readonly user: string; readonly missing: readonly MissingRight[] }
  | { readonly isAsked: false; readonly reason: string };

export interface MissingRight {
  /** As Redis says it. */
  readonly reason: string;
  /** Whether delayq goes without it: slower, or telling less. */
  readonly isOptional: boolean;
}

export interface QueueFacts {
  readonly queue: string;
  readonly isCluster: boolean;
  readonly nowMs: number;
  readonly isPaused: boolean;
  readonly shards: readonly ShardFacts[];
  readonly workers: number;
  /** The ids of the live schedulers that serve it. */
  readonly schedulers: readonly string[];
  readonly busiestSecond: { readonly atMs: number; readonly tasks: number } | undefined;
}

export interface ShardFacts {
  readonly shard: number;
  readonly delayed: number;
  readonly ready: number;
  readonly leased: number;
  readonly dead: number;
  readonly done: number;
  readonly owner: string;
  readonly oldestDueMs: number | undefined;
  /** Leases whose deadline has passed. */
  readonly expiredLeases: number;
  readonly firstDeadlineMs: number | undefined;
  readonly diedLately: number;
  readonly diedBefore: number;
}

/** What a rule says. */
export interface Finding {
  /** Which rule; stable, for programs. */
  readonly check: string;
  /** What it is about: a server, a queue, or all of Redis. */
  readonly about: string;
  readonly level: "ok" | "warning" | "failure" | "unknown";
  /** What was seen, or of what is not known, why. */
  readonly text: string;
  /** Of what is not ok: why it matters, and what to do. */
  readonly why?: string;
  readonly fix?: string;
}

/** What a rule found wrong, or what it saw that is well. */
export type Verdict = Omit<Finding, "check" | "about">;

export const ok = (text: string): Verdict => ({ level: "ok", text });
/** What could not be looked at. */
export const unknown = (text: string, why: string, fix: string): Verdict => ({
  level: "unknown",
  text,
  why,
  fix,
});
export const warning = (text: string, why: string, fix: string): Verdict => ({
  level: "warning",
  text,
  why,
  fix,
});
export const failure = (text: string, why: string, fix: string): Verdict => ({
  level: "failure",
  text,
  why,
  fix,
});
