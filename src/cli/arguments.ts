import { InvalidArgumentError } from "commander";
import type { Backoff } from "../core/options.ts";
import { durationMs } from "./duration.ts";

/** Parsers of option values, for commander. What they throw is a usage error. */

export function integerArgument(
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`Expected an integer ${range}.`);
  };
}

export function factorArgument(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("Expected a number above 0.");
}

export function durationArgument(text: string): number {
  const ms = durationMs(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError(
    "Expected a duration such as 500ms, 90s, 15m, 1h30m or 2d; a plain number is ms.",
  );
}

export function backoffArgument(text: string): Pick<Backoff, "type" | "delay"> {
  const [, type, delay = ""] = /^(fixed|exponential):(.+)$/.exec(text) ?? [];
  const delayMs = durationMs(delay);
  if ((type === "fixed" || type === "exponential") && delayMs !== undefined) return { type, delay: delayMs };
  throw new InvalidArgumentError("Expected fixed:DELAY or exponential:DELAY, such as exponential:1s.");
}
