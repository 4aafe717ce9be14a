import type { Command } from "commander";
import type { TaskFilter } from "../core/task-filter.ts";
import { durationArgument, integerArgument } from "./arguments.ts";
import { timeArgument, type GivenTime } from "./given-time.ts";
import { withTimeZone } from "./time-zone.ts";

/** Which tasks: the same flags wherever tasks are listed or changed. */
export interface FilterFlags {
  readonly name?: string;
  readonly error?: string;
  readonly idPrefix?: string;
  readonly dueBefore?: GivenTime;
  readonly dueAfter?: GivenTime;
  readonly olderThan?: number;
  readonly limit?: number;
}

export const FILTER_HELP = `
TIME is "in 15m", "15m ago", ISO 8601 or epoch milliseconds; DURATION is 90s, 15m, 2d. What filters say is joined by "and".`;

/** @param age what --older-than means, as "added so long ago" */
export function withFilterFlags(command: Command, age: string): Command {
  return withTimeZone(command)
    .option("--name <name>", "those of this name")
    .option("--error <text>", "those whose last error holds this text")
    .option("--id-prefix <text>", "those whose id begins so")
    .option("--due-before <time>", "those due before then", timeArgument)
    .option("--due-after <time>", "those due then or later", timeArgument)
    .option("--older-than <duration>", `those ${age}`, durationArgument);
}

export function withLimit(command: Command): Command {
  return command.option("--limit <n>", "at most so many", integerArgument(1));
}

/** @param nowMs by the clock of Redis */
export function filterOf(flags: FilterFlags, nowMs: number, age: "addedBefore" | "diedBefore"): TaskFilter {
  const { name, error, idPrefix, limit, olderThan } = flags;
  const given: Partial<Record<keyof TaskFilter, string | number | undefined>> = {
    name,
    error,
    idPrefix,
    limit,
    dueBefore: flags.dueBefore?.atMs(nowMs),
    dueAfter: flags.dueAfter?.atMs(nowMs),
  };
  if (olderThan !== undefined) given[age] = Math.max(0, nowMs - olderThan);
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** Whether anything but a limit says which tasks. */
export function hasFilter(flags: FilterFlags): boolean {
  const { name, error, idPrefix, dueBefore, dueAfter, olderThan } = flags;
  return [name, error, idPrefix, dueBefore, dueAfter, olderThan].some((flag) => flag !== undefined);
}
