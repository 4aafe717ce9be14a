/*
 * The time of day with the resolution of `performance.now()`: `Date.now()` alone would round a lag of 0.8 ms to 0 or 1. Both
 * clocks run apart slowly, so a process that measures for longer than some minutes should make another one.
 */
const TICKS = 5;

export function openClock() {
  let offsetMs = -Infinity;
  for (let tick = 0; tick < TICKS; tick++) {
    const beforeMs = Date.now();
    while (Date.now() === beforeMs);
    // Just after a tick Date.now() is exact; a pause in between makes this too small, never too large.
    offsetMs = Math.max(offsetMs, Date.now() - performance.now());
  }
  return () => offsetMs + performance.now();
}
