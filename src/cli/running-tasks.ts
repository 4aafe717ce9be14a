import type { AnyTasks, Task } from "../core/task.ts";
import type { Handler, HandlerContext, Handlers } from "../worker/handler.ts";

const NAMED_MAX = 10;

/** Which tasks are with their handlers now, for the log to name when something goes wrong. */
export class RunningTasks {
  readonly #tasks = new Set<Task>();

  get count(): number {
    return this.#tasks.size;
  }

  /** The first few, by name and id. */
  names(): string[] {
    return [...this.#tasks].slice(0, NAMED_MAX).map(({ name, id }) => `${name} ${id}`);
  }

  /** The same handlers, watched. */
  watch(handlers: Handlers<AnyTasks>): Handlers<AnyTasks> {
    if (typeof handlers === "function") return this.#watched(handlers);
    const entries = Object.entries(handlers).map(([name, handler]) => [
      name,
      handler === undefined ? undefined : this.#watched(handler),
    ]);
    return Object.fromEntries(entries) as Handlers<AnyTasks>;
  }

  #watched(handler: Handler<AnyTasks>): Handler<AnyTasks> {
    return async (task: Task, context: HandlerContext): Promise<unknown> => {
      this.#tasks.add(task);
      try {
        return await handler(task, context);
      } finally {
        this.#tasks.delete(task);
      }
    };
  }
}
