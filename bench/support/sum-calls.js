import { callName } from "./script-names.js";

/** Adds up what several processes have counted, by the names of the calls, the most frequent first. */
export function sumCalls(all) {
  const byName = {};
  for (const counts of all) {
    for (const [counted, count] of Object.entries(counts)) {
      const name = callName(counted);
      byName[name] = (byName[name] ?? 0) + count;
    }
  }
  const sorted = Object.entries(byName).toSorted(([, a], [, b]) => b - a);
  return {
    total: sorted.reduce((sum, [, count]) => sum + count, 0),
    /** As a person reads it: "claim 1.2, tick 0.8", each divided by `units`. */
    perUnit: (units) => sorted.map(([name, count]) => `${name} ${(count / units).toPrecision(2)}`).join(", "),
  };
}
