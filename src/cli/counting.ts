import type { TaskFilter } from "../core/task-filter.ts";
import type { TaskState } from "../core/task.ts";
import type { Queue } from "../queue/queue.ts";
import { interruptible } from "./interruptible.ts";

/** How many tasks of some states a filter matches, before they are changed. */
export async function countOf(
  queue: Queue,
  states: readonly TaskState[],
  filter: TaskFilter,
): Promise<number> {
  const { limit = Number.POSITIVE_INFINITY, ...rest } = filter;
  const counts = await interruptible(
    async (signal) =>
      await Promise.all(states.map(async (state) => await countOne(queue, state, rest, signal))),
    () => "nothing was done",
  );
  return Math.min(
    limit,
    counts.reduce((sum, count) => sum + count, 0),
  );
}

async function countOne(
  queue: Queue,
  state: TaskState,
  filter: TaskFilter,
  signal: AbortSignal,
): Promise<number> {
  const isAll = Object.keys(filter).length === 0;
  return await queue.count(state, isAll ? {} : { ...filter, signal });
}

export const tasks = (count: number): string =>
  `${count.toLocaleString("en-US")} ${count === 1 ? "task" : "tasks"}`;
