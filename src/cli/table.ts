import Table from "cli-table3";
import { printable } from "./output.ts";

/** Columns under their heads, two spaces apart, without lines: easy to read, and to cut with `awk`. */
export function tableOf(heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const none = "";
  const table = new Table({
    head: [...heads],
    colAligns: heads.map((_, column) => (typeof rows[0]?.[column] === "number" ? "right" : "left")),
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
    chars: {
      top: none,
      "top-mid": none,
      "top-left": none,
      "top-right": none,
      bottom: none,
      "bottom-mid": none,
      "bottom-left": none,
      "bottom-right": none,
      left: none,
      "left-mid": none,
      mid: none,
      "mid-mid": none,
      right: none,
      "right-mid": none,
      middle: none,
    },
  });
  for (const row of rows) table.push(row.map((cell) => (typeof cell === "string" ? printable(cell) : cell)));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
