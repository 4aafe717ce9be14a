import { STALL_GOALS } from "../goals.js";
import { short, textTable } from "../support/table.js";

/** How long scripts kept Redis busy, beside what they may; with a column for the phase where there is one. */
export function scriptTable(scripts) {
  const { meanMaxMs, slowShareMax, maxMaxMs } = STALL_GOALS;
  const hasPhases = scripts.some(({ phase }) => phase !== undefined);
  const head = [
    "script",
    "calls",
    `mean at most (goal ${meanMaxMs} ms)`,
    `over 5 ms (goal ${slowShareMax * 100} %)`,
    `longest (goal ${maxMaxMs} ms)`,
    "",
  ];
  const rows = scripts.map(({ phase, name, calls, meanMs, slow, maxMs, isMet }) => [
    ...(hasPhases ? [phase] : []),
    name,
    short(calls),
    short(meanMs),
    `${slow} (${((100 * slow) / calls).toFixed(2)} %)`,
    short(maxMs),
    isMet ? "met" : "MISSED",
  ]);
  return textTable(hasPhases ? ["through", ...head] : head, rows);
}
