import type { KeptOptions } from "../core/options.ts";
import type { Task } from "../core/task.ts";
import type { TraceContext } from "../core/trace-context.ts";
import type { ShardKeys } from "../store/keys.ts";
import type { Run } from "../telemetry/runs.ts";

export const NO_SEAT = -1;

/**
 * A task under this worker's lease.
 *
 * States: waiting for a slot -> running -> returned -> settled; or given back from the first; or lost, from each of the first
 * three, when the lease is not ours any more. Once it runs the handler may go on in all of them: JavaScript cannot stop it,
 * only tell it (`signal`).
 */
export class HeldTask {
  readonly keys: ShardKeys;
  readonly task: Task;
  readonly kept: KeptOptions;
  readonly fence: string;
  /** On the clock of `performance.now()`, counted from before the claim (or the renewal) was sent. */
  deadlineMs: number;
  /** Its handler was called. */
  isStarted = false;
  /** When that was, on the same clock, and how long it took until that was decided; where somebody wants that. */
  startedMs: number | undefined;
  durationMs: number | undefined;
  /** What becomes of it has been decided: what the handler does from now on does not count. */
  isDecided = false;
  isLost = false;
  /** Its seats among those whose leases are kept, and those that run; see `HeldTasks`. */
  leaseSeat = NO_SEAT;
  runSeat = NO_SEAT;
  /** Where it was added, if that was traced. */
  readonly trace: TraceContext | undefined;
  /** What is told of the handler's run, if somebody listens. */
  run: Run | undefined;
  #controller: AbortController | undefined;

  constructor(
    keys: ShardKeys,
    task: Task,
    kept: KeptOptions,
    fence: string,
    deadlineMs: number,
    trace?: TraceContext,
  ) {
    this.keys = keys;
    this.task = task;
    this.kept = kept;
    this.fence = fence;
    this.deadlineMs = deadlineMs;
    this.trace = trace;
  }

  get id(): string {
    return this.task.id;
  }

  /** Tells the handler to stop. Made when it is asked for: most handlers never look at it. */
  get signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal;
  }

  abort(reason: Error): void {
    (this.#controller ??= new AbortController()).abort(reason);
  }
}
