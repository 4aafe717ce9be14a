import { DelayqError } from "../core/errors.ts";
import { briefly, describeFailure } from "../core/failure.ts";
import type { Task, TaskError, TaskState } from "../core/task.ts";
import { decodeFacts, decodeLease, decodeRecord, type Facts, type Record } from "./codec.ts";

/** Builds a task as users see it from what `get` returns of it. */
export interface StoredTask {
  /** `missing` for an id that is not there. */
  readonly state: string;
  readonly record: Buffer;
  readonly more: string;
  readonly lease: string;
  readonly error: string;
  readonly result: string;
}

/** What a process says of a task whose record it cannot read, for whatever reason. */
export function unreadableTask(queue: string, id: string, cause: unknown): DelayqError {
  const code = cause instanceof DelayqError ? cause.code : "DELAYQ_BROKEN_RECORD";
  const why = cause instanceof Error ? cause.message : String(cause);
  return new DelayqError(code, `Task ${id} of queue ${queue} cannot be read. ${why}`, { cause });
}

/** @throws DelayqError `DELAYQ_NEWER_FORMAT`, `DELAYQ_BROKEN_RECORD` */
export function viewOf(queue: string, shard: number, id: string, stored: StoredTask): Task | undefined {
  if (stored.state === "missing") return undefined;
  try {
    return readView(queue, shard, id, stored);
  } catch (error) {
    throw unreadableTask(queue, id, error);
  }
}

/** One that cannot be read, among others that can: without what its record would say, and with the reason. */
export function unreadView(
  queue: string,
  shard: number,
  id: string,
  { state, more, error }: StoredTask,
  reason: unknown,
): Task {
  const { dueAtMs, attempts } = decodeFacts(more);
  return {
    id,
    queue,
    shard,
    name: "",
    data: null,
    state: state as TaskState,
    dueAtMs,
    addedAtMs: 0,
    attempt: attempts,
    priority: 0,
    error: lastError(error) ?? briefly(describeFailure(reason)),
  };
}

/** Others may have written that, too. */
function lastError(json: string): TaskError | undefined {
  if (json === "") return undefined;
  try {
    return JSON.parse(json) as TaskError;
  } catch {
    return undefined;
  }
}

function readView(queue: string, shard: number, id: string, stored: StoredTask): Task {
  const record = decodeRecord(stored.record);
  const facts = decodeFacts(stored.more);
  const lease = decodeLease(stored.lease);
  return {
    id,
    queue,
    shard,
    name: record.name,
    data: JSON.parse(record.payload) as unknown,
    state: stored.state as TaskState,
    dueAtMs: facts.dueAtMs === 0 ? record.dueAtMs : facts.dueAtMs,
    addedAtMs: record.addedAtMs,
    attempt: facts.attempts + (lease === undefined ? 0 : 1),
    priority: record.priority,
    ...(lease !== undefined && { startedAtMs: lease.startedAtMs, fence: lease.fence }),
    ...(stored.error !== "" && { error: JSON.parse(stored.error) as TaskError }),
    ...(stored.result !== "" && { result: JSON.parse(stored.result) as unknown }),
  };
}

/** The same of a task that was just claimed; made for every task that runs, so without a detour. */
export function claimedTask(
  queue: string,
  shard: number,
  id: string,
  record: Record,
  facts: Facts,
  lease: { readonly fence: number; readonly startedAtMs: number },
): Task {
  return {
    id,
    queue,
    shard,
    name: record.name,
    data: JSON.parse(record.payload) as unknown,
    state: "leased",
    dueAtMs: facts.dueAtMs === 0 ? record.dueAtMs : facts.dueAtMs,
    addedAtMs: record.addedAtMs,
    attempt: facts.attempts + 1,
    priority: record.priority,
    startedAtMs: lease.startedAtMs,
    fence: lease.fence,
  };
}
