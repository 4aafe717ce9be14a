import { DelayqError } from "../core/errors.ts";
import { show } from "../core/validate.ts";
import { version } from "../core/version.ts";
import type { Buckets } from "../runtime/buckets.ts";
import { INSIDE, type HasInside, type Inside } from "../runtime/inside.ts";
import type { QueueInstruments, ScriptInstruments, TaskCounter } from "../runtime/instruments.ts";
import { COUNTERS, PROCESS_METRICS } from "./catalogue.ts";
import { Family, type MetricsRegistry, type Reading } from "./family.ts";

/** Whose work is shown. */
export interface MetricsSources {
  /** Those that add and change tasks: a `Queue` each. */
  queues?: readonly HasInside[];
  /** `Worker`s; the scheduler of their process is shown with them. */
  workers?: readonly HasInside[];
  schedulers?: readonly HasInside[];
}

type Name = keyof typeof PROCESS_METRICS;

const KINDS = ["queues", "workers", "schedulers"] as const;

/**
 * Makes a registry of prom-client show what queues, workers and schedulers of this process do. From now on the times of their
 * tasks and calls are taken; their counters have counted since they were made.
 *
 * @param registry may be of any copy of prom-client, and hold other metrics too
 * @returns what takes delayq's metrics out of the registry again
 * @throws DelayqError `DELAYQ_INVALID_OPTION`, also for a registry that has delayq's metrics already
 */
export function collectMetrics(registry: MetricsRegistry, sources: MetricsSources): () => void {
  const roles = checkedRoles(sources);
  const look = (): Inside[] => [...new Set(roles)].map((role) => role[INSIDE]());
  const times = new TimesWanted();
  const families = familiesOf(() => {
    const insides = look();
    times.wantThoseOf(insides);
    return insides;
  });
  const taken = families.find(({ key }) => registry.getSingleMetric(key) !== undefined);
  if (taken !== undefined) {
    throw new DelayqError(
      "DELAYQ_INVALID_OPTION",
      `Expected a registry without ${taken.key}, but it has it. Call collectMetrics once for each registry, with all queues, workers and schedulers; what it returns ends it.`,
    );
  }
  times.wantThoseOf(look());
  for (const family of families) family.register(registry);
  return () => {
    for (const { key } of families) registry.removeSingleMetric(key);
    times.stop();
  };
}

/** Each of those that appear is told once that its times are wanted: the scheduler of a worker that runs later, too. */
class TimesWanted {
  readonly #wanted = new Set<QueueInstruments | ScriptInstruments>();

  wantThoseOf(insides: readonly Inside[]): void {
    for (const one of insides.flatMap(({ queues, scripts }) => [...queues, scripts])) {
      if (this.#wanted.has(one)) continue;
      this.#wanted.add(one);
      one.wantTimes(true);
    }
  }

  stop(): void {
    for (const one of this.#wanted) one.wantTimes(false);
    this.#wanted.clear();
  }
}

function checkedRoles(sources: unknown): readonly HasInside[] {
  const given = typeof sources === "object" && sources !== null ? Object.entries(sources) : undefined;
  const unknown = given?.find(([kind]) => !(KINDS as readonly string[]).includes(kind));
  if (given === undefined || unknown !== undefined) {
    const got = unknown === undefined ? show(sources) : `\`${unknown[0]}\``;
    throw invalid("{ queues, workers, schedulers }", got);
  }
  return given.flatMap(([kind, roles]) => {
    if (roles === undefined) return [];
    if (!Array.isArray(roles)) throw invalid(`\`${kind}\` to be a list`, show(roles));
    const stranger: unknown = roles.find((role) => !hasInside(role));
    if (stranger === undefined) return roles as HasInside[];
    throw invalid(`\`${kind}\` to hold instances of Queue, Worker or Scheduler`, show(stranger));
  });
}

const hasInside = (role: unknown): role is HasInside =>
  typeof role === "object" && role !== null && INSIDE in role;

const invalid = (expected: string, got: string): DelayqError =>
  new DelayqError("DELAYQ_INVALID_OPTION", `Expected ${expected} for collectMetrics, got ${got}.`);

function familiesOf(look: () => readonly Inside[]): Family[] {
  const family = (name: Name, read: (insides: readonly Inside[]) => Iterable<Reading>): Family =>
    new Family(name, PROCESS_METRICS[name], () => read(look()));
  const counters = (Object.keys(COUNTERS) as TaskCounter[]).map((counter) =>
    family(COUNTERS[counter], (insides) => sumByQueue(insides, (one) => one[counter])),
  );
  const build = [{ labels: { version: version() }, value: 1 }]; // read now: at a scrape its file may be gone
  return [
    ...counters,
    family("delayq_task_start_lag_seconds", (insides) =>
      byLabel(
        "queue",
        workingOn(insides).flatMap(({ queue, times }) => one(queue, times?.startLag)),
      ),
    ),
    family("delayq_task_duration_seconds", durations),
    family("delayq_script_duration_seconds", (insides) =>
      byLabel(
        "script",
        unique(insides, ({ scripts }) => [scripts]).flatMap(({ times }) => [...(times ?? [])]),
      ),
    ),
    family("delayq_worker_concurrency", (insides) => slots(insides, "concurrency")),
    family("delayq_worker_running_tasks", (insides) => slots(insides, "running")),
    family("delayq_build_info", () => build),
  ];
}

/** Workers of one process share a scheduler and connections, and may be of one queue. */
const unique = <T>(insides: readonly Inside[], of: (inside: Inside) => readonly T[]): T[] => [
  ...new Set(insides.flatMap(of)),
];

const countsOf = (insides: readonly Inside[]): QueueInstruments[] => unique(insides, ({ queues }) => queues);

/** Those of workers: nobody else runs handlers. */
const workingOn = (insides: readonly Inside[]): QueueInstruments[] =>
  countsOf(insides.filter(({ slots }) => slots !== undefined));

function sumByQueue(insides: readonly Inside[], value: (instruments: QueueInstruments) => number): Reading[] {
  const sums = new Map<string, number>();
  for (const one of countsOf(insides)) sums.set(one.queue, (sums.get(one.queue) ?? 0) + value(one));
  return [...sums].map(([queue, value]) => ({ labels: { queue }, value }));
}

const one = (label: string, buckets: Buckets | undefined): [string, Buckets][] =>
  buckets === undefined ? [] : [[label, buckets]];

function byLabel(label: string, parts: readonly (readonly [string, Buckets])[]): Reading[] {
  return [...grouped(parts, ([value]) => value)].map(([value, same]) => ({
    labels: { [label]: value },
    value: same.map(([, buckets]) => buckets),
  }));
}

function grouped<T>(all: readonly T[], key: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const group = groups.get(key(one));
    if (group === undefined) groups.set(key(one), [one]);
    else group.push(one);
  }
  return groups;
}

function durations(insides: readonly Inside[]): Reading[] {
  const byQueue = grouped(workingOn(insides), ({ queue }) => queue);
  return [...byQueue].flatMap(([queue, all]) => {
    const parts = all.flatMap(({ times }) => [...(times?.durations ?? [])]);
    return byLabel("outcome", parts).map(({ labels, value }) => ({ labels: { queue, ...labels }, value }));
  });
}

function slots(insides: readonly Inside[], which: "concurrency" | "running"): Reading[] {
  const sums = new Map<string, number>();
  for (const { slots, queues } of insides) {
    const queue = queues[0]?.queue;
    if (slots === undefined || queue === undefined) continue;
    sums.set(queue, (sums.get(queue) ?? 0) + slots[which]);
  }
  return [...sums].map(([queue, value]) => ({ labels: { queue }, value }));
}
