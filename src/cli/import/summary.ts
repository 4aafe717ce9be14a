import { BulkIncompleteError, DelayqError } from "../../core/errors.ts";
import { CliError, exitCodeOf } from "../exit.ts";
import { grouped, print, printJson } from "../output.ts";

/** What is told at the end, however it ends. */
export interface Summary {
  /** How many tasks went through, for the rate. */
  readonly tasks: () => number;
  /** "imported 5 tasks; 2 existed already" */
  readonly text: () => string;
  /** What else is so now. */
  readonly state: () => string;
  /** What to do after a failure. */
  readonly advice: () => string;
  readonly json: () => Readonly<Record<string, unknown>>;
}

/** Does the work, and says how far it came. */
export async function summed(
  { tasks, text, state, advice, json }: Summary,
  isJson: boolean,
  work: () => Promise<void>,
): Promise<void> {
  const startMs = performance.now();
  let failure: unknown;
  try {
    await work();
  } catch (error) {
    failure = error;
  }
  const ms = Math.max(1, Math.round(performance.now() - startMs));
  const perSecond = Math.round((tasks() * 1000) / ms);
  if (isJson) printJson({ ...json(), ms, perSecond });
  if (failure === undefined) {
    const took = `${text()} in ${(ms / 1000).toFixed(1)} s (${grouped(perSecond)}/s)`;
    if (!isJson) print(joined([took, state()]));
    return;
  }
  if (!(failure instanceof CliError) && !(failure instanceof DelayqError)) throw failure;
  const cause = failure instanceof BulkIncompleteError ? failure.cause : failure;
  const message = cause instanceof Error ? cause.message : failure.message;
  const said = joined([message.replace(/\.$/, ""), text(), state(), advice()]);
  throw new CliError(exitCodeOf(cause), said, { cause: failure });
}

const joined = (parts: readonly string[]): string => parts.filter((part) => part !== "").join("; ");

export const counted = (tasks: number): string => `${grouped(tasks)} ${tasks === 1 ? "task" : "tasks"}`;

/** The parts that are not zero. */
export const others = (counts: readonly (readonly [count: number, text: string])[]): string =>
  counts.map(([count, text]) => (count > 0 ? `; ${text.replace("#", grouped(count))}` : "")).join("");
