/** Cuts the time ahead into minutes, hours or days as the clocks of this machine's time zone show them. */
export const BUCKET_UNITS = ["minute", "hour", "day"] as const;

export type BucketUnit = (typeof BUCKET_UNITS)[number];

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/**
 * Where each bucket begins, the first one holding `fromMs`, and where the last one ends, at or after `untilMs`.
 *
 * @returns ascending instants, one more than there are buckets; at most `max` of them
 */
export function bucketBounds(unit: BucketUnit, fromMs: number, untilMs: number, max: number): number[] {
  const bounds = [startOf(unit, fromMs)];
  for (;;) {
    const last = bounds.at(-1) ?? fromMs;
    if (bounds.length >= max || (last >= untilMs && bounds.length > 1)) return bounds;
    bounds.push(after(unit, last));
  }
}

function startOf(unit: BucketUnit, ms: number): number {
  const date = new Date(ms);
  // Offsets are whole minutes, but not always whole hours.
  if (unit === "minute") return ms - (ms % MINUTE_MS);
  if (unit === "hour") return ms - (ms % MINUTE_MS) - date.getMinutes() * MINUTE_MS;
  return date.setHours(0, 0, 0, 0);
}

/** Days may have 23 or 25 hours. */
function after(unit: BucketUnit, startMs: number): number {
  if (unit === "minute") return startMs + MINUTE_MS;
  if (unit === "hour") return startMs + HOUR_MS;
  const date = new Date(startMs);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime();
}
