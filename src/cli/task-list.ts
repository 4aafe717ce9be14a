import type { TaskFilter } from "../core/task-filter.ts";
import type { Task, TaskState } from "../core/task.ts";
import type { Queue } from "../queue/queue.ts";
import { withTimes } from "./document.ts";
import { drained, printJson, say } from "./output.ts";
import { LongTable } from "./table.ts";

export const LIMIT_DEFAULT = 100;

interface Listing {
  readonly queue: Queue;
  readonly states: readonly TaskState[];
  readonly filter: TaskFilter;
  /** 0 for all. */
  readonly limit: number;
  readonly json: boolean | undefined;
  readonly heads: readonly string[];
  readonly row: (task: Task) => readonly (string | number)[];
  /** What is said if there are none. */
  readonly none: string;
}

/** Lists tasks as they come, one state after the other, and says when there are more than the limit. */
export async function listTasks(listing: Listing): Promise<void> {
  const { queue, states, filter, limit, json, heads, row, none } = listing;
  const table = new LongTable(heads);
  let count = 0;
  try {
    for (const state of states) {
      const left = limit + 1 - count;
      for await (const task of queue.list(state, { ...filter, ...(limit > 0 && { limit: left }) })) {
        if (++count > limit && limit > 0) break;
        if (json === true) {
          printJson(withTimes(task));
          await drained();
        } else await table.add(row(task));
      }
      if (count > limit && limit > 0) break;
    }
  } finally {
    // What was found before an error comes before it.
    await table.flush();
  }
  if (count === 0 && json !== true) say(none);
  if (limit > 0 && count > limit) say(`there are more; --limit shows more than ${limit}`);
}

const ERROR_SHOWN_MAX = 80;

export const shownError = ({ error }: Task): string =>
  error === undefined ? "" : clipped(`${error.name}: ${error.message}`);

const clipped = (text: string): string =>
  text.length > ERROR_SHOWN_MAX ? `${text.slice(0, ERROR_SHOWN_MAX - 3).toWellFormed()}...` : text;
