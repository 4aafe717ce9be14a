import { TASK_STATES } from "../../core/task.ts";
import { shortDuration } from "../../core/wording.ts";
import type { Pulse } from "../../queue/pulse.ts";
import { colour } from "../colour.ts";
import { grouped, printable } from "../output.ts";
import { tableOf } from "../table.ts";

/** What `top` shows at one moment: pure, so that it can be drawn again for any size of terminal. */
export interface View {
  readonly place: string;
  readonly intervalMs: number;
  readonly pulses: readonly Pulse[];
  readonly selected: string | undefined;
  readonly sort: SortColumn;
  /** What went wrong with the last reading. */
  readonly trouble: string | undefined;
}

export const SORT_COLUMNS = ["queue", "lag", "ready", "added", "completed", "failed", "dead"] as const;
export type SortColumn = (typeof SORT_COLUMNS)[number];

const HEADS = [
  "queue",
  "added/s",
  "completed/s",
  "failed/s",
  "lag",
  ...TASK_STATES,
  "workers",
  "schedulers",
  "",
];
const KEYS = "up, down: queue   s: sort   q: leave";

/** The queues in the order that was chosen: by name, or the largest first. */
export function sorted(pulses: readonly Pulse[], sort: SortColumn): Pulse[] {
  const byName = pulses.toSorted((a, b) => (a.queue < b.queue ? -1 : 1));
  if (sort === "queue") return byName;
  const sizeOf = (pulse: Pulse): number => {
    if (sort === "lag") return pulse.lagMs;
    if (sort === "ready" || sort === "dead") return pulse[sort];
    return pulse.rates?.[sort] ?? 0;
  };
  return byName.toSorted((a, b) => sizeOf(b) - sizeOf(a));
}

/** The lines of the screen, none longer or more than fit. */
export function frameOf(view: View, columns: number, rows: number): string[] {
  const pulses = sorted(view.pulses, view.sort);
  const head = `delayq top   ${printable(view.place)}   every ${shortDuration(view.intervalMs)}   sorted by ${view.sort}`;
  const [titles = "", ...queues] = tableOf(HEADS, pulses.map(cellsOf)).split("\n");
  const at = Math.max(
    0,
    pulses.findIndex(({ queue }) => queue === view.selected),
  );
  const selected = pulses[at];
  const shards = selected === undefined ? [] : ["", ...shardLines(selected)];
  // Half of the screen is the queues', what they leave the shards'.
  const room = Math.max(1, rows - 4 - Math.min(shards.length, Math.floor(rows / 2)));
  const first = Math.max(0, Math.min(at - room + 1, queues.length - room));
  const shown = queues.map((line, i) => (i === at ? colour.inverse(fit(line, columns)) : fit(line, columns)));
  const body =
    queues.length === 0
      ? ["no queues yet"]
      : [colour.bold(fit(titles, columns)), ...shown.slice(first, first + room)];
  const trouble = view.trouble === undefined ? "" : colour.red(fit(printable(view.trouble), columns));
  const lines = [fit(head, columns), trouble, ...body, ...shards.map((line) => fit(line, columns))];
  return [...lines.slice(0, rows - 1), colour.dim(fit(KEYS, columns))];
}

function cellsOf(pulse: Pulse): (string | number)[] {
  const { queue, rates, lagMs, workers, schedulers, paused } = pulse;
  return [
    queue,
    rateText(rates?.added),
    rateText(rates?.completed),
    rateText(rates?.failed),
    shortDuration(lagMs),
    ...TASK_STATES.map((state) => pulse[state]),
    workers,
    schedulers,
    paused ? "paused" : "",
  ];
}

function shardLines({ queue, shards, readAtMs }: Pulse): string[] {
  const rows = shards.map(({ shard, owner, oldestDueMs, nextDueMs, expiredLeases, ...counts }) => [
    shard,
    ...TASK_STATES.map((state) => counts[state]),
    oldestDueMs === undefined ? "" : shortDuration(Math.max(0, readAtMs - oldestDueMs)),
    nextDueMs === undefined ? "" : shortDuration(Math.max(0, nextDueMs - readAtMs)),
    expiredLeases,
    owner,
  ]);
  const heads = ["shard", ...TASK_STATES, "oldest due", "next due in", "expired leases", "scheduler"];
  return [colour.bold(printable(queue)), ...tableOf(heads, rows).split("\n")];
}

export const rateText = (rate: number | undefined): string =>
  rate === undefined ? "-" : rate < 100 ? rate.toFixed(1) : grouped(Math.round(rate));

const fit = (line: string, columns: number): string =>
  line.length > columns ? line.slice(0, columns).toWellFormed() : line;
