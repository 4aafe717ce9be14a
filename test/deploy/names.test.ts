import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { EXPORTER_METRICS, PROCESS_METRICS } from "../../src/metrics/catalogue.ts";
import { readDashboard } from "./support/dashboard.ts";
import { namesIn } from "./support/names-in.ts";

/* A first look, by name; npm run test:observability looks for them in a real Prometheus. */
const known = new Map(Object.entries({ ...PROCESS_METRICS, ...EXPORTER_METRICS }));

/** Those that are not in the catalogue; of a histogram its parts count. */
function strangersIn(text: string): string[] {
  return namesIn(text)
    .filter((name) => name.startsWith("delayq_") && !known.has(name))
    .filter((name) => known.get(name.replace(/_(bucket|count|sum)$/, ""))?.type !== "histogram");
}

test("rules name metrics that delayq has", () => {
  const rules = readFileSync(new URL("../../deploy/prometheus/delayq.rules.yml", import.meta.url), "utf8");
  const text = rules.replace(/^ *#.*$/gm, "");
  expect(namesIn(text).length).toBeGreaterThan(30);
  expect(strangersIn(text)).toEqual([]);
});

test("the dashboard names metrics that delayq has", () => {
  const exprs = readDashboard().panels.flatMap(({ targets }) => (targets ?? []).map(({ expr }) => expr));
  expect(exprs.flatMap(strangersIn)).toEqual([]);
});
