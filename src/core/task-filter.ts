import type { Task, TaskState } from "./task.ts";

/** Which tasks of a state: those for which all that is given holds. */
export interface TaskFilter {
  name?: string;
  /** A text that the last error's name or message holds. */
  error?: string;
  /** What the id begins with. */
  idPrefix?: string;
  /** Due before this instant. */
  dueBefore?: Date | number;
  /** Due at this instant or later. */
  dueAfter?: Date | number;
  /** Added before this instant. */
  addedBefore?: Date | number;
  /** Of dead tasks: dead since before this instant. */
  diedBefore?: Date | number;
  /** At most so many. */
  limit?: number;
}

/** The same, parsed: instants in epoch ms. */
export interface ParsedFilter {
  readonly name?: string | undefined;
  readonly error?: string | undefined;
  readonly idPrefix?: string | undefined;
  readonly dueBefore?: number | undefined;
  readonly dueAfter?: number | undefined;
  readonly addedBefore?: number | undefined;
  readonly diedBefore?: number | undefined;
  readonly limit?: number | undefined;
}

/** Scores of the structure that holds a state's tasks: from the first to before the second. */
export interface ScoreRange {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Pending tasks are kept by due time and dead ones by when they died: what is outside need not be read. */
export function scoresOf(filter: ParsedFilter, state: TaskState): ScoreRange {
  const isByDue = state === "delayed" || state === "ready";
  const fromMs = isByDue ? (filter.dueAfter ?? 0) : 0;
  const untilMs = isByDue ? filter.dueBefore : state === "dead" ? filter.diedBefore : undefined;
  return { fromMs, untilMs: untilMs ?? Number.POSITIVE_INFINITY };
}

/** Whether a task's record must be read to know that it matches. */
export function asksForRecord(filter: ParsedFilter, state: TaskState): boolean {
  const { name, error, addedBefore, dueBefore, dueAfter } = filter;
  // Ids on the runway have no score.
  const due = state === "delayed" ? undefined : (dueBefore ?? dueAfter);
  return (name ?? error ?? addedBefore ?? due) !== undefined;
}

export function matches(task: Task, filter: ParsedFilter): boolean {
  const { name, error, idPrefix, dueBefore = Number.POSITIVE_INFINITY, dueAfter = 0 } = filter;
  if (name !== undefined && task.name !== name) return false;
  if (error !== undefined && !`${task.error?.name}: ${task.error?.message}`.includes(error)) return false;
  if (idPrefix !== undefined && !task.id.startsWith(idPrefix)) return false;
  if (filter.addedBefore !== undefined && task.addedAtMs >= filter.addedBefore) return false;
  return task.dueAtMs < dueBefore && task.dueAtMs >= dueAfter;
}
