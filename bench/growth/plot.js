/*
 * Plot, with linkedom for the little of a DOM that it needs: some small packages, where others that write SVG without a browser
 * weigh five times as much or more.
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

/** What became better than this is noise. */
const PERCENT_MAX = 200;

/** A chart for each figure, a line for each number of shards: what is left of it at each level; dashed, what should be. */
export function growthSvg(levels, kept) {
  const leasts = new Map(levels.toReversed().map(({ shards, pending }) => [shards, pending]));
  const figures = [...new Set(kept.map(({ figure }) => figure))];
  const starts = [...leasts].flatMap(([shards, pending]) =>
    figures.map((figure) => ({ shards, pending, figure, share: 1 })),
  );
  const points = [...starts, ...kept].map((point) => ({ ...point, lines: `${point.shards} shards` }));
  const goals = figures.map((figure) => kept.find((one) => one.figure === figure));
  const { document } = parseHTML("<html></html>");
  const x = "pending";
  const y = (point) => 100 * point.share;
  const svg = Plot.plot({
    document,
    width: 1000,
    height: 320,
    marginBottom: 40,
    marginRight: 50,
    style: { background: "white" },
    x: {
      type: "log",
      label: "pending tasks",
      tickFormat: "~s",
      ticks: [...new Set(levels.map(({ pending }) => pending))],
    },
    y: {
      label: "% of what it is at the smallest level",
      domain: [0, Math.min(PERCENT_MAX, Math.max(120, ...points.map(y)))],
      grid: true,
    },
    fx: { label: null, domain: figures },
    color: { legend: false },
    marks: [
      Plot.ruleY(goals, { y: ({ shareMin }) => 100 * shareMin, fx: "figure", strokeDasharray: "4 4" }),
      Plot.line(points, { x, y, fx: "figure", stroke: "lines", clip: true }),
      Plot.dot(points, { x, y, fx: "figure", fill: "lines", clip: true }),
      Plot.text(points, Plot.selectLast({ x, y, z: "lines", fx: "figure", text: "lines", dy: -8 })),
    ],
  });
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${svg.outerHTML}\n`;
}
