import parseDuration from "parse-duration";

const WHOLE = /^(?:\d+(?:\.\d+)?\s*[a-zµμ]*\s*)+$/i;
const PART = /\d+(?:\.\d+)?\s*[a-zµμ]*/gi;

/** "90s", "1h 30m", "1.5 days", or a plain number of ms, as whole ms; undefined for what is not a duration. */
export function durationMs(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^\d+$/.test(trimmed)) return asWhole(Number(trimmed));
  if (!WHOLE.test(trimmed)) return undefined;
  let sum = 0;
  for (const part of trimmed.match(PART) ?? []) {
    // The library passes over what it does not know, and guesses the unit of a part that has none.
    const ms = /[a-zµμ]$/i.test(part.trim()) ? parseDuration(part) : null;
    if (ms === null) return undefined;
    sum += ms;
  }
  return asWhole(sum);
}

function asWhole(ms: number): number | undefined {
  return Number.isSafeInteger(Math.round(ms)) ? Math.round(ms) : undefined;
}
