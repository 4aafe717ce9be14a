import type { Verdict } from "../core/verdict.ts";
import { Buckets } from "./buckets.ts";

/**
 * What a process notes of its own work, for whoever wants to show it. Counters are plain numbers and always count. Times
 * are taken only while somebody wants them, since each of them reads the clock.
 */
export type TaskCounter =
  | "added"
  | "completed"
  | "failed"
  | "retried"
  | "dead"
  | "requeued"
  | "cancelled"
  | "recovered"
  | "expired"
  | "timedOut"
  | "unhandled"
  | "leasesLost";

/** How a handler ended, or what became of its task before it did. */
export type RunOutcome = "completed" | "failed" | "timed_out" | "postponed" | "released" | "lease_lost";

const LAG_BOUNDS_MS = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 1_800_000,
];
const DURATION_BOUNDS_MS = [
  1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000,
];
const SCRIPT_BOUNDS_MS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 5000];

export class TaskTimes {
  /** How long after its due time a task's handler was started. */
  readonly startLag = new Buckets(LAG_BOUNDS_MS);
  readonly durations = new Map<RunOutcome, Buckets>([["completed", new Buckets(DURATION_BOUNDS_MS)]]);

  ran(outcome: RunOutcome, ms: number): void {
    let buckets = this.durations.get(outcome);
    if (buckets === undefined) this.durations.set(outcome, (buckets = new Buckets(DURATION_BOUNDS_MS)));
    buckets.observe(ms);
  }
}

/** Something that is taken only while it is wanted, and goes on from where it was when it is wanted again. */
class Wanted<T> {
  readonly #made: T;
  #wanting = 0;

  constructor(made: T) {
    this.#made = made;
  }

  get now(): T | undefined {
    return this.#wanting > 0 ? this.#made : undefined;
  }

  want(isWanted: boolean): void {
    this.#wanting += isWanted ? 1 : -1;
  }
}

/** What one queue, worker or scheduler did with the tasks of one queue. */
export class QueueInstruments implements Record<TaskCounter, number> {
  readonly queue: string;
  added = 0;
  completed = 0;
  failed = 0;
  retried = 0;
  dead = 0;
  requeued = 0;
  cancelled = 0;
  recovered = 0;
  expired = 0;
  timedOut = 0;
  unhandled = 0;
  leasesLost = 0;
  /** Undefined while nobody wants them. */
  times: TaskTimes | undefined;
  readonly #times = new Wanted(new TaskTimes());

  constructor(queue: string) {
    this.queue = queue;
  }

  /** As Redis counts what it settles. */
  settled(verdict: Verdict): void {
    switch (verdict.kind) {
      case "ack":
      case "keep":
        this.completed++;
        break;
      case "retry":
      case "bury":
        this.failed++;
        this[verdict.kind === "retry" ? "retried" : "dead"]++;
        if (verdict.isTimedOut) this.timedOut++;
        break;
      case "expire":
        this.expired++;
        break;
      case "postpone":
        if (verdict.isUnhandled) this.unhandled++;
        break;
      case "release":
        break;
    }
  }

  /** Every `true` needs its `false`. */
  wantTimes(isWanted: boolean): void {
    this.#times.want(isWanted);
    this.times = this.#times.now;
  }
}

/** How long the scripts took that were called over one connection, as their caller sees it. */
export class ScriptInstruments {
  /** By the script's name; undefined while nobody wants them. */
  times: Map<string, Buckets> | undefined;
  readonly #times = new Wanted(new Map<string, Buckets>());

  /** Every `true` needs its `false`. */
  wantTimes(isWanted: boolean): void {
    this.#times.want(isWanted);
    this.times = this.#times.now;
  }

  answered(script: string, ms: number): void {
    if (this.times === undefined) return;
    let buckets = this.times.get(script);
    if (buckets === undefined) this.times.set(script, (buckets = new Buckets(SCRIPT_BOUNDS_MS)));
    buckets.observe(ms);
  }
}
