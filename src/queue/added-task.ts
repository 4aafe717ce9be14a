import type { Confirmation, Due, ParsedAdd } from "../core/options.ts";
import type { AddedTask } from "../core/task.ts";
import type { TraceContext } from "../core/trace-context.ts";

/** A task that was checked, and is not sent yet. */
export interface Prepared {
  readonly name: string;
  readonly data: unknown;
  readonly json: string;
  readonly options: ParsedAdd;
  readonly confirmation: Confirmation | undefined;
  readonly trace: TraceContext | undefined;
}

/** A task as `add` returns it: made when it is sent, and completed when Redis says when it took it. */
export type SentTask = { -readonly [K in keyof AddedTask]: AddedTask[K] };

export function sentTask(
  queue: string,
  shard: number,
  id: string,
  { name, data, options }: Prepared,
): SentTask {
  return {
    id,
    queue,
    shard,
    name,
    data,
    state: "delayed",
    dueAtMs: 0,
    addedAtMs: 0,
    attempt: 0,
    priority: options.priority,
    existed: false,
  };
}

/** @param nowMs when Redis took it, or found that its id was taken */
export function complete(task: SentTask, due: Due, nowMs: number, existed: boolean): void {
  task.addedAtMs = nowMs;
  task.dueAtMs = "delay" in due ? nowMs + due.delay : due.atMs;
  task.state = task.dueAtMs > nowMs ? "delayed" : "ready";
  task.existed = existed;
}
