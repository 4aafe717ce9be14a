import { Random } from "../../test/chaos/random.js";

const SEED = "due";
const DAY_MS = 86_400_000;

/** Far enough away that nothing falls due during a run: from an hour to a week. */
export const LATER = { kind: "spread", fromMs: 3_600_000, toMs: 7 * DAY_MS };
export const NOW = { kind: "now" };

/**
 * When tasks are due, as data that can be sent to another process; the same seed gives both engines the same times.
 *
 *   now                          at once
 *   spread  fromMs, toMs         so long after it was added, uniformly
 *   window  startAtMs, lengthMs  at instants that are spread uniformly over a window of the clock
 *
 * @returns a function that makes the next task's `{ delayMs }` or `{ atMs }`
 */
export function dueTimes(due) {
  const random = new Random(SEED);
  switch (due.kind) {
    case "now":
      return () => ({ delayMs: 0 });
    case "spread":
      return () => ({ delayMs: random.int(due.fromMs, due.toMs) });
    case "window":
      return () => ({ atMs: due.startAtMs + random.int(0, due.lengthMs - 1) });
    default:
      throw new Error(`unknown kind of due time: ${due.kind}`);
  }
}
