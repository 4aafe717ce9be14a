import { Progress } from "../progress.ts";
import { grouped } from "../output.ts";
import type { LineSource } from "./line-source.ts";

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** How far a file is read, and how many tasks have gone through; of stdin only these. */
export function lineProgress(doing: string, source: LineSource, tasks: () => number): Progress {
  if (source.totalBytes === undefined) return new Progress({ doing, done: tasks });
  const startMs = performance.now();
  const perSecond = (): number => Math.round((tasks() * 1000) / Math.max(1, performance.now() - startMs));
  return new Progress({
    doing,
    done: () => source.readBytes,
    total: source.totalBytes,
    shown: megabytes,
    also: () => `${grouped(tasks())} tasks, ${grouped(perSecond())}/s`,
  });
}
