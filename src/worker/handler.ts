import type { Logger } from "../runtime/logger.ts";
import { DelayqError } from "../core/errors.ts";
import type { NameOf, ResultOf, Task, TaskTypes } from "../core/task.ts";
import { show } from "../core/validate.ts";

/** What a handler gets beside its task. */
export interface HandlerContext {
  /** Aborts when the lease is lost, the task's time is up, or the worker closes and its grace is spent. */
  readonly signal: AbortSignal;
  /** Grows with every lease of the shard: pass it to what you write to, and let that refuse a smaller one. */
  readonly fence: number;
  /** A logger that names the task. */
  readonly log: Logger;
  /** Emits `progress` on the worker; nothing is stored. */
  readonly progress: (value: unknown) => void;
}

export type Handler<T, N extends NameOf<T> = NameOf<T>> = (
  task: Task<T, N>,
  context: HandlerContext,
) => ResultOf<T, N> | Promise<ResultOf<T, N>>;

/** One function for all tasks, or one per task name. */
export type Handlers<T extends TaskTypes<T>> = Handler<T> | { readonly [N in NameOf<T>]?: Handler<T, N> };

/** Handlers with their types erased, as the worker calls them; `undefined` for a name that has none. */
export type FindHandler = (name: string) => ((task: Task, context: HandlerContext) => unknown) | undefined;

/** @throws DelayqError `DELAYQ_INVALID_HANDLER` */
export function handlerFinder(handlers: unknown): FindHandler {
  if (typeof handlers === "function") return () => handlers as ReturnType<FindHandler>;
  const entries = typeof handlers === "object" && handlers !== null ? Object.entries(handlers) : [];
  const bad = entries.find(([, handler]) => typeof handler !== "function");
  if (entries.length === 0 || bad !== undefined) {
    throw new DelayqError(
      "DELAYQ_INVALID_HANDLER",
      `Expected the handler to be a function or an object of functions by task name, got ${show(bad === undefined ? handlers : { [bad[0]]: bad[1] })}.`,
    );
  }
  const byName = new Map(entries);
  return (name) => byName.get(name) as ReturnType<FindHandler>;
}
