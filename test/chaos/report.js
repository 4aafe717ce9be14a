import Table from "cli-table3";

const LAG = "lag p50/p99/max ms";
const FAULT_LAG = "p99 without scheduler";

/** One row of the report's file. */
export function rowOf(name, promised, result) {
  const { acknowledged, run, duplicates, lost, early, stuck, fenceBackwards } = result;
  const { longestStallMs, firstStartMs = null } = result;
  return {
    name,
    promised,
    acknowledged,
    run,
    duplicates,
    lost,
    early,
    stuck,
    fenceBackwards,
    longestStallMs,
    firstStartMs,
  };
}

export function tableOf(outcomes) {
  const head = ["scenario", "promised", "acknowledged", "run", "duplicates", "lost", "early", "stuck"];
  const table = new Table({
    head: [...head, "fence back", "found", "stall ms", "first start ms", LAG, FAULT_LAG, "took s"],
    style: { head: [], border: [] },
  });
  for (const { name, promised, skipped, broken, result, tookMs } of outcomes) {
    if (result === undefined) {
      const content = broken === undefined ? `SKIPPED: ${skipped}` : "BROKE OFF, see above";
      table.push([name, { colSpan: 14, content }]);
      continue;
    }
    table.push([
      name,
      promised,
      result.acknowledged,
      result.run,
      result.duplicates,
      result.lost,
      result.early,
      result.stuck,
      result.fenceBackwards,
      result.findings.length === 0 ? "none" : result.findings.map(({ kind }) => kind).join(", "),
      result.longestStallMs,
      result.firstStartMs ?? "-",
      `${result.lagP50Ms}/${result.lagP99Ms}/${result.lagMaxMs}`,
      result.faultLagP99Ms ?? "-",
      (tookMs / 1000).toFixed(1),
    ]);
  }
  return table.toString();
}
