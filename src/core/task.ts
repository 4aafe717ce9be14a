/**
 * The words of delayq:
 *
 * task      one unit of work: id, name, payload (`data`), options, attempt
 * queue     a named set of tasks, cut into shards; all keys of a shard live in one cluster slot
 * runway    a shard's ready lists: short, bounded, refilled from the due set
 * scheduler the role that owns shards, wakes at due times, fills the runway, reaps expired leases
 * worker    the role that claims ready tasks, runs the handler and settles them
 * lease     a worker's hold on a task: a deadline and a `fence`, a number that only grows within a shard
 * settle    what ends a lease: ack (done), retry (delayed again), bury (dead), release (back as it was)
 * lag       handler start minus due time
 */

/** Where a task is: due later, due, held by a worker, given up on, or completed with its result kept. */
export type TaskState = "delayed" | "ready" | "leased" | "dead" | "done";

export const TASK_STATES: readonly TaskState[] = ["delayed", "ready", "leased", "dead", "done"];

/** What one task name carries, and what its handler returns. */
export interface TaskType {
  data: unknown;
  result?: unknown;
}

/** The tasks of a queue by name; a plain `Queue` takes anything under any name. */
export type TaskTypes<T> = { [N in keyof T]: TaskType };

/** What a `Queue` without types takes: as JavaScript would, anything. */
// oxlint-disable-next-line typescript/no-explicit-any -- `unknown` would make every untyped handler cast its payload
export type AnyTasks = Record<string, { data: any; result?: any }>;

export type NameOf<T> = keyof T & string;
export type DataOf<T, N extends keyof T> = T[N] extends { data: infer D } ? D : never;
export type ResultOf<T, N extends keyof T> = T[N] extends { result: infer R } ? R : unknown;

/** What a failed attempt left behind; at most 4 KiB of it is kept. */
export interface TaskError {
  name: string;
  message: string;
  stack?: string;
}

/** A task as it is seen anywhere: by handlers, events, `get`, `list` and the CLI. Times are epoch ms by the Redis clock. */
interface TaskView<N, D, R> {
  readonly id: string;
  readonly queue: string;
  readonly shard: number;
  readonly name: N;
  readonly data: D;
  readonly state: TaskState;
  readonly dueAtMs: number;
  readonly addedAtMs: number;
  /** While leased the number of the running attempt, from 1; otherwise how many attempts were used. */
  readonly attempt: number;
  readonly priority: number;
  /** While leased: when the worker claimed it. */
  readonly startedAtMs?: number;
  /** While leased: the fence of the lease. */
  readonly fence?: number;
  /** The last failure, where there was one. */
  readonly error?: TaskError;
  /** While done: what the handler returned. */
  readonly result?: R;
}

/** A task of the queue, its payload's type told by its name. */
export type Task<T = AnyTasks, N extends NameOf<T> = NameOf<T>> = {
  [K in N]: TaskView<K, DataOf<T, K>, ResultOf<T, K>>;
}[N];

/** What `add` returns: the task, and whether it was there before (then it is the one that was there). */
export type AddedTask<T = AnyTasks, N extends NameOf<T> = NameOf<T>> = Task<T, N> & {
  readonly existed: boolean;
};

/** How many tasks are in each state, over all shards. */
export type TaskCounts = Record<TaskState, number>;
