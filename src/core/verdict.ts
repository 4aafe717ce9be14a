import { backoffDelayMs } from "./backoff.ts";
import { briefly, describeFailure } from "./failure.ts";
import { RetryLater, UnrecoverableError } from "./errors.ts";
import { TIME_MAX_MS, type KeptOptions } from "./options.ts";
import type { TaskError } from "./task.ts";

/** What becomes of a task after its handler has ended, and what is kept of it. */
export type Verdict =
  | { readonly kind: "ack" }
  | { readonly kind: "keep"; readonly ms: number; readonly text: string }
  | {
      readonly kind: "retry";
      readonly ms: number;
      readonly error: TaskError;
      /** With its stack, which Redis does not keep of a retry. */
      readonly wholeError: TaskError;
      readonly isTimedOut: boolean;
    }
  | { readonly kind: "bury"; readonly error: TaskError; readonly isTimedOut: boolean }
  | { readonly kind: "release" }
  | {
      readonly kind: "postpone";
      readonly ms: number;
      /** It was not run here, and is left to a worker that can run it. */
      readonly isUnhandled: boolean;
    }
  | { readonly kind: "expire" };

export const RELEASE: Verdict = Object.freeze({ kind: "release" });
export const EXPIRE: Verdict = Object.freeze({ kind: "expire" });
const ACK: Verdict = Object.freeze({ kind: "ack" });

/** Whether it is too late to start a task. @param nowMs when it was claimed, by the clock of Redis as its due time is */
export const isExpired = ({ expireMs }: KeptOptions, dueAtMs: number, nowMs: number): boolean =>
  expireMs > 0 && nowMs > dueAtMs + expireMs;

/** A result that JSON cannot hold is kept as null: the work is done, doing it again would be worse. */
export function verdictOnResult(kept: KeptOptions, result: unknown): Verdict {
  if (kept.keepResultMs === 0) return ACK;
  let text: string | undefined;
  try {
    text = JSON.stringify(result);
  } catch {
    text = undefined;
  }
  return { kind: "keep", ms: kept.keepResultMs, text: text ?? "null" };
}

/**
 * @param attempt the attempt that failed, from 1
 * @param random in [0, 1), for the jitter
 * @param isTimedOut whether it failed because its time was up
 */
export function verdictOnFailure(
  kept: KeptOptions,
  attempt: number,
  thrown: unknown,
  random: number,
  isTimedOut = false,
): Verdict {
  if (isThrown(RetryLater, thrown)) return { kind: "postpone", ms: delayOf(thrown), isUnhandled: false };
  const error = describeFailure(thrown);
  if (isThrown(UnrecoverableError, thrown) || attempt >= kept.attempts)
    return { kind: "bury", error, isTimedOut };
  const ms = backoffDelayMs(kept.backoff, attempt, random);
  return { kind: "retry", ms, error: briefly(error), wholeError: error, isTimedOut };
}

/** Subclasses may hold anything there. */
function delayOf(thrown: RetryLater): number {
  try {
    const { delayMs }: { delayMs: unknown } = thrown;
    return typeof delayMs === "number" && Number.isFinite(delayMs)
      ? Math.min(Math.max(0, Math.round(delayMs)), TIME_MAX_MS)
      : 0;
  } catch {
    return 0;
  }
}

/** `instanceof` may throw, if what was thrown is a proxy. */
function isThrown<E>(type: abstract new (...args: never[]) => E, thrown: unknown): thrown is E {
  try {
    return thrown instanceof type;
  } catch {
    return false;
  }
}
