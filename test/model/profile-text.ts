import type { KeptOptions } from "../../src/core/options.ts";

/** A profile as meta holds it: its keys sorted. */
export function profileText({
  attempts,
  backoff,
  deathsMax,
  expireMs,
  keepResultMs,
  timeoutMs,
}: KeptOptions): string {
  const { delay, jitter, maxDelayMs, type } = backoff;
  return JSON.stringify({
    attempts,
    backoff: { delay, jitter, maxDelayMs, type },
    deathsMax,
    expireMs,
    keepResultMs,
    timeoutMs,
  });
}
