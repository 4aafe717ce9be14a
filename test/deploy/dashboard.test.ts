import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readDashboard, type Panel } from "./support/dashboard.ts";
import { namesIn } from "./support/names-in.ts";

/* The shape that Grafana expects. Its queries are run by npm run test:observability. */
const dashboard = readDashboard();
const panels = dashboard.panels;
const graphs = panels.filter(({ type }) => type !== "row");

const overlap = (a: Panel["gridPos"], b: Panel["gridPos"]): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

test("each panel has an id and a title of its own, and a place", () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const { title, gridPos } of panels) {
    expect(title).not.toBe("");
    expect(gridPos.w).toBeGreaterThan(0);
    expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
  }
});

test("no two panels lie on each other", () => {
  const pairs = panels.flatMap((one, i) => panels.slice(i + 1).map((other) => [one, other] as const));
  const overlapping = pairs.filter(([one, other]) => overlap(one.gridPos, other.gridPos));
  expect(overlapping.map((pair) => pair.map(({ title }) => title))).toEqual([]);
});

test("each panel asks the data source that is chosen above", () => {
  for (const { title, datasource, targets } of graphs) {
    expect(targets?.length, title).toBeGreaterThan(0);
    for (const source of [datasource, ...targets!.map((target) => target.datasource)]) {
      expect(source, title).toEqual({ type: "prometheus", uid: "${datasource}" });
    }
    expect(new Set(targets!.map(({ refId }) => refId)).size, title).toBe(targets!.length);
    expect(targets!.filter(({ expr }) => expr.trim() === "")).toEqual([]);
  }
});

test("each variable that a query uses is there", () => {
  const known = new Set(dashboard.templating.list.map(({ name }) => name));
  expect([...known]).toEqual(expect.arrayContaining(["datasource", "env", "queue", "job"]));
  const used = graphs.flatMap(({ targets }) => targets!.flatMap(({ expr }) => expr.match(/\$\w+/g) ?? []));
  const unknown = used.filter((name) => !name.startsWith("$__") && !known.has(name.slice(1)));
  expect(unknown).toEqual([]);
});

test("each series is asked for in the env that is chosen above", () => {
  const exprs = graphs.flatMap(({ targets }) => targets!.map(({ expr }) => expr));
  const without = exprs.filter((expr) => expr.split('{env=~"$env"').length - 1 !== namesIn(expr).length);
  expect(without).toEqual([]);
});

test("a single number is that of now, not the last one there was", () => {
  const single = graphs.filter(({ type }) => type === "stat" || type === "bargauge");
  expect(single.length).toBeGreaterThan(5);
  for (const { title, targets } of single) {
    for (const { instant, range } of targets!) expect({ instant, range }, title).toEqual({ instant: true });
  }
});

test("each recorded series that a query uses is recorded", () => {
  const rules = readFileSync(new URL("../../deploy/prometheus/delayq.rules.yml", import.meta.url), "utf8");
  const recorded = [...rules.matchAll(/- record: (\S+)/g)].map(([, name]) => name!);
  const used = graphs.flatMap(({ targets }) =>
    targets!.flatMap(({ expr }) => expr.match(/delayq:[\w:]+/g) ?? []),
  );
  expect(used.length).toBeGreaterThan(0);
  expect(used.filter((name) => !recorded.includes(name))).toEqual([]);
});
