import Table from "cli-table3";

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
    head: [...head, "fence back", "other", "stall ms", "first start ms", "lag p50/p99/max ms", "took s"],
    style: { head: [], border: [] },
  });
  for (const { name, promised, skipped, result, tookMs, isSlow } of outcomes) {
    if (skipped !== undefined) {
      table.push([name, { colSpan: 13, content: `SKIPPED: ${skipped}` }]);
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
      `${result.firstStartMs ?? "-"}${isSlow ? " (slow)" : ""}`,
      `${result.lagP50Ms}/${result.lagP99Ms}/${result.lagMaxMs}`,
      (tookMs / 1000).toFixed(1),
    ]);
  }
  return table.toString();
}
