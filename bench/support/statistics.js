/** The middle value, or the mean of the two in the middle. */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Sorted ascending; `share` 0.99 gives the smallest value that at least 99 % do not exceed. */
export function percentile(sorted, share) {
  if (sorted.length === 0) return NaN;
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

/** How late tasks started, in ms. */
export function lagSummary(lags) {
  const sorted = Float64Array.from(lags).sort();
  return {
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    "p99.9": percentile(sorted, 0.999),
    max: percentile(sorted, 1),
  };
}

/** How many a second, by the times (ms) at which each of them happened; the first `skipped` are warm-up. */
export function ratePerSecond(times, skipped = 0) {
  const sorted = Float64Array.from(times).sort();
  if (sorted.length - skipped < 2) return NaN;
  return ((sorted.length - 1 - skipped) * 1000) / (sorted.at(-1) - sorted[skipped]);
}
