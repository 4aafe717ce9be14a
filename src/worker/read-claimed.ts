import { describeFailure } from "../core/failure.ts";
import { KEPT_DEFAULTS, type KeptOptions } from "../core/options.ts";
import type { Task } from "../core/task.ts";
import { EXPIRE, isExpired, type Verdict } from "../core/verdict.ts";
import { decodeFacts, decodeRecord, type Record } from "../store/codec.ts";
import { claimedTask, unreadableTask } from "../store/task-view.ts";
import type { Batch, Claimed } from "./claimer.ts";
import { HeldTask } from "./held-task.ts";

export interface ReadOptions {
  readonly queue: string;
  readonly leaseMs: number;
  /** How long a task of a newer release is left to workers that can read it, in ms. */
  readonly unhandledDelayMs: number;
  readonly keptOf: (record: Record) => KeptOptions;
  readonly onUnreadable: (error: unknown) => void;
}

/** A claimed task, and what becomes of it if that is known before it is run. */
export interface ReadTask {
  readonly held: HeldTask;
  readonly verdict?: Verdict;
}

/** A record that cannot be read here is left to others, if it is of a newer release; else it is shown among the dead. */
export function readClaimed(
  { keys, fence, nowMs, sentMs }: Batch,
  { id, record, more }: Claimed,
  { queue, leaseMs, unhandledDelayMs, keptOf, onUnreadable }: ReadOptions,
): ReadTask {
  const deadlineMs = sentMs + leaseMs;
  try {
    const decoded = decodeRecord(record);
    const lease = { fence: Number(fence), startedAtMs: nowMs };
    const task = claimedTask(queue, keys.shard, id, decoded, decodeFacts(more), lease);
    const kept = keptOf(decoded);
    const held = new HeldTask(keys, task, kept, fence, deadlineMs, decoded.trace);
    return isExpired(kept, task.dueAtMs, nowMs) ? { held, verdict: EXPIRE } : { held };
  } catch (cause) {
    const error = unreadableTask(queue, id, cause);
    onUnreadable(error);
    const times = { dueAtMs: nowMs, addedAtMs: nowMs, attempt: 1, priority: 0 };
    const task: Task = { id, queue, shard: keys.shard, name: "", data: null, state: "leased", ...times };
    const isNewer = error.code === "DELAYQ_NEWER_FORMAT";
    return {
      held: new HeldTask(keys, task, KEPT_DEFAULTS, fence, deadlineMs),
      verdict: isNewer
        ? { kind: "postpone", ms: unhandledDelayMs, isUnhandled: true }
        : { kind: "bury", error: describeFailure(error), isTimedOut: false },
    };
  }
}
