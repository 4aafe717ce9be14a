import Table from "cli-table3";
import { colour } from "./colour.ts";
import { drained, print, printable } from "./output.ts";

/** Columns under their heads, two spaces apart, without lines: easy to read, and to cut with `awk`. */
export function tableOf(heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const none = "";
  const table = new Table({
    head: heads.map((head) => colour.bold(head)),
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

const PAGE_ROWS = 200;
/** What is found early is shown, though the next may be a million tasks away. */
const SHOWN_AFTER_MS = 700;

/** A table of any length: printed page by page, the heads once, the columns as wide as the first page needs them. */
export class LongTable {
  readonly #heads: readonly string[];
  #rows: (readonly (string | number)[])[] = [];
  #widths: readonly number[] | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(heads: readonly string[]) {
    this.#heads = heads;
  }

  async add(row: readonly (string | number)[]): Promise<void> {
    if (this.#rows.push(row) >= PAGE_ROWS) await this.flush();
    // Nobody waits for it: a reader that is behind is waited for at the next page.
    else this.#timer ??= setTimeout(() => void this.flush(), SHOWN_AFTER_MS);
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const rows = this.#rows;
    if (rows.length === 0) return;
    this.#rows = [];
    const widths = this.#widths;
    const heads = this.#heads.map((head, column) => head.padEnd(widths?.[column] ?? 0));
    const text = tableOf(heads, rows);
    print(widths === undefined ? text : text.slice(text.indexOf("\n") + 1));
    this.#widths ??= heads.map((head, column) =>
      Math.max(head.length, ...rows.map((row) => String(row[column] ?? "").length)),
    );
    await drained();
  }
}
