import type { Backoff } from "./options.ts";

/**
 * How long a failed task waits before its next attempt, in ms.
 *
 * fixed: `delay`; exponential: `delay * 2^(attempt - 1)`; neither above `maxDelayMs`. With `jitter` j the wait is drawn
 * evenly from the top j of it, [wait * (1 - j), wait], so the ceiling also holds for the drawn one.
 *
 * @param attempt the attempt that has failed, from 1
 * @param random in [0, 1)
 */
export function backoffDelayMs(backoff: Backoff, attempt: number, random: number): number {
  const base = backoff.type === "fixed" ? backoff.delay : backoff.delay * 2 ** Math.min(attempt - 1, 52);
  const capped = Math.min(base, backoff.maxDelayMs);
  return Math.round(capped * (1 - backoff.jitter * random));
}
