/** What the demo shows: a line that is drawn anew on a terminal and now and then elsewhere, and the table at the end. */
import { setTimeout as sleep } from "node:timers/promises";
import Table from "cli-table3";
import pc from "picocolors";

const REDRAW_MS = 200;
const PLAIN_LINE_MS = 2000;
const FAULTS_SHOWN = 10;
const CLEAR_LINE = "\r\u001b[K";
// Rows without lines between them.
const TABLE_STYLE = {
  chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
  style: { head: [], border: [] },
};

const isTerminal = process.stdout.isTTY;
const startedMs = performance.now();
let isLineOpen = false;

/** Says something that stays. */
export function say(line) {
  if (isLineOpen) process.stdout.write(CLEAR_LINE);
  isLineOpen = false;
  process.stdout.write(`${pc.dim(seconds())} ${line}\n`);
}

/** Shows the queue's numbers until the signal aborts. */
export async function showProgress(readStats, signal) {
  while (!signal.aborted) {
    const stats = await readStats();
    if (signal.aborted) return;
    draw(stats);
    await sleep(isTerminal ? REDRAW_MS : PLAIN_LINE_MS, undefined, { signal }).catch(() => {});
  }
}

function draw({ delayed, ready, leased, dead, counters }) {
  const { completed = 0, retried = 0, recovered = 0 } = counters;
  const numbers = { waiting: delayed + ready, running: leased, completed, retried, recovered, dead };
  const line = Object.entries(numbers)
    .map(([name, count]) => `${name} ${count}`)
    .join("  ");
  if (!isTerminal) return say(line);
  const room = process.stdout.columns - seconds().length - 2;
  process.stdout.write(`${CLEAR_LINE}${pc.dim(seconds())} ${line.slice(0, room)}`);
  isLineOpen = true;
}

const seconds = () => `${((performance.now() - startedMs) / 1000).toFixed(1).padStart(5)} s`;

export function showTable({ counters, ranTwice, lag }) {
  const { added = 0, completed = 0, retried = 0, recovered = 0, dead = 0, requeued = 0 } = counters;
  const table = new Table({ ...TABLE_STYLE, colAligns: ["left", "right", "left"] });
  table.push(
    ["added", added, ""],
    ["completed", completed, ""],
    ["retried", retried, "failed, and were tried again"],
    ["recovered", recovered, `taken back from the killed worker, which had begun ${ranTwice} of them`],
    ["dead", dead, "failed for good"],
    ["requeued", requeued, "brought back when the bug was fixed"],
    ["lag p50", `${lag.p50} ms`, `handler start minus due time, ${lag.count} first attempts`],
    ["lag p99", `${lag.p99} ms`, ""],
    ["lag max", `${lag.max} ms`, ""],
  );
  process.stdout.write(`\n${table.toString()}\n\n`);
}

export function showFaults(faults) {
  for (const fault of faults.slice(0, FAULTS_SHOWN)) say(pc.red(fault));
  if (faults.length > FAULTS_SHOWN) say(pc.red(`... and ${faults.length - FAULTS_SHOWN} more`));
}
