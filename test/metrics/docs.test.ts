import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { EXPORTER_METRICS, PROCESS_METRICS, type Definition } from "../../src/metrics/catalogue.ts";

it("docs/metrics.md tells every metric as the code does", () => {
  const docs = readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8");
  const rows = docs
    .split("\n")
    .filter((line) => line.startsWith("| `delayq_"))
    .map((line) =>
      line
        .split("|")
        .map((cell) => cell.trim().replaceAll("`", ""))
        .slice(1, -1),
    );
  const defined: Record<string, Definition> = { ...PROCESS_METRICS, ...EXPORTER_METRICS };
  expect(rows).toEqual(
    Object.entries(defined).map(([name, { type, labels, help }]) => [name, type, labels.join(", "), help]),
  );
});
