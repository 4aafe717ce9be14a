import { InvalidArgumentError } from "commander";
import { durationMs } from "./duration.ts";
import { INSTANT_FORMS, instantMs } from "./instant.ts";

/**
 * A time as it was given: "in 15m", "15m ago", "now", ISO 8601 or epoch ms. It becomes an instant only when a command runs:
 * then the time zone (--tz may stand behind it) and the clock of Redis are known.
 */
export interface GivenTime {
  /** @param nowMs by the clock of Redis */
  readonly atMs: (nowMs: number) => number;
  /** As `add` and `reschedule` take it: Redis itself adds what counts from now. */
  readonly due: () => { delay: number } | { at: number };
}

export const TIME_FORMS = `${INSTANT_FORMS}, "in 15m", "15m ago" or now`;

/** A parser of option values, for commander. */
export function timeArgument(text: string): GivenTime {
  const offsetMs = offsetOf(text.trim());
  if (offsetMs !== undefined) {
    return { atMs: (nowMs) => nowMs + offsetMs, due: () => ({ delay: Math.max(0, offsetMs) }) };
  }
  if (instantMs(text) === undefined) throw new InvalidArgumentError(`Expected ${TIME_FORMS}.`);
  const atMs = (): number => instantMs(text) ?? Number.NaN;
  return { atMs, due: () => ({ at: atMs() }) };
}

function offsetOf(text: string): number | undefined {
  if (text === "now") return 0;
  const later = /^in\s+(.+)$/.exec(text)?.[1];
  if (later !== undefined) return durationMs(later);
  const ago = /^(.+)\s+ago$/.exec(text)?.[1];
  const agoMs = ago === undefined ? undefined : durationMs(ago);
  return agoMs === undefined ? undefined : -agoMs;
}
