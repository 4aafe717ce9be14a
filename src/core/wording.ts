/** Numbers for people. */
export const counted = (count: number, what: string): string =>
  `${count.toLocaleString("en-US")} ${what}${count === 1 ? "" : "s"}`;

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
] as const;

/** A duration for people, to two figures or so: 850ms, 4.2s, 3m 20s, 2d 4h. */
export function shortDuration(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)}s`;
  const at = UNITS.findIndex(([, unitMs]) => ms >= unitMs);
  const [unit, unitMs] = UNITS[at] ?? ["s", 1000];
  const [smaller, smallerMs] = UNITS[at + 1] ?? ["s", 1000];
  const whole = Math.floor(ms / unitMs);
  const rest = Math.floor((ms - whole * unitMs) / smallerMs);
  return unit === smaller || rest === 0 ? `${whole}${unit}` : `${whole}${unit} ${rest}${smaller}`;
}
