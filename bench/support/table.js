import Table from "cli-table3";

/** A number with three digits that count, and thousands apart. */
export function short(value) {
  if (value === null || Number.isNaN(value)) return "";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toPrecision(3);
}

export function goalText({ value, ratio, floorRatio } = {}) {
  const parts = [value, ratio && `${ratio}x`, floorRatio && `${floorRatio}x floor`];
  return parts.filter((part) => part !== undefined).join(", ");
}

/** The side-by-side table of results. */
export function comparisonTable(results) {
  const rows = results.map(({ name, variant, unit, delayq, bullmq, ratio, floor, goal, verdict }) => [
    variant === undefined ? name : `${name}, ${variant}`,
    unit,
    short(delayq),
    short(bullmq),
    ratio === null ? "" : `${ratio.toFixed(2)}x`,
    short(floor),
    goalText(goal?.must),
    goalText(goal?.aim),
    verdict ?? "",
  ]);
  return textTable(["row", "unit", "delayq", "BullMQ", "ahead", "floor", "must", "aim", "reached"], rows);
}

export function textTable(head, rows) {
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  table.push(...rows);
  return table.toString();
}
